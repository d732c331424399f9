"""Domain randomisation: ranges of worlds, and drawing one world from them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.controllers.controller import Controller, Steered
from astraea.congestion.settings import IntSpan, Settings, Span
from astraea.congestion.simulator.arrays import Shape, shape_of
from astraea.congestion.simulator.schedules import segments_of
from astraea.congestion.simulator.settings import FlowSettings, LinkSettings, RandomWalk, WorldSettings
from astraea.congestion.simulator.topology import buffer_for

__all__ = ["FLOWS_MAX", "HOST_NOISE", "WorldMix", "WorldRanges", "draw", "shape_for"]

FLOWS_MAX = 256
HOST_NOISE: dict[str, Any] = {"jitter_ms": (0.0, 0.5), "ack_every": (1, 4), "ack_slot_ms": (0.0, 1.5)}
"""What hosts add to delays, as ranges of :class:`WorldRanges`: a policy that never met it leaves links half empty."""

_RING_MAX = 1 << 16  # a flow's packets on their way; memory is taken only as far as it is used


class WorldRanges(Settings):
    """Worlds with one bottleneck, drawn at random; a single number in place of a range fixes it.

    Bandwidths, times and buffers are drawn uniformly on a logarithmic scale, all else uniformly.
    """

    flows: IntSpan = Field((3, 3), description="learned flows")
    controller: Steered = Field("policy", description="what actions drive: a window (policy) or a rate (aurora)")
    bandwidth_mbps: Span = Field((40.0, 160.0), description="capacity of the bottleneck in Mbit/s")
    packets_per_flow: Span | None = Field(
        None,
        description="fair share in packets per RTT with all flows present; given, it decides the bandwidth, which is "
        "then held within its range",
    )
    rtt_ms: Span = Field((10.0, 140.0), description="smallest base RTT of a world in ms")
    rtt_ratio: Span = Field((1.0, 1.0), description="how many times that the other flows' base RTTs may be")
    buffer_bdp: Span = Field((0.1, 16.0), description="buffer in bandwidth-delay products (of the smallest RTT)")
    loss: Span = Field((0.0, 0.0), description="probability that a packet is lost on the wire")
    jitter_ms: Span = Field((0.0, 0.0), description="mean of the random delay each packet suffers, of each flow")
    ack_every: IntSpan = Field((1, 1), description="packets an acknowledgement covers, of each flow")
    ack_slot_ms: Span = Field((0.0, 0.0), description="acknowledgements come at multiples of this time, of each flow")
    weights: tuple[float, ...] = Field((1.0,), min_length=1, description="weights to choose from, for each flow")
    arrivals: Literal["together", "staggered", "poisson"] = Field(
        "poisson", description="learned flows start together, at equal gaps, or at exponential gaps"
    )
    first_s: Span = Field((0.0, 0.0), description="when the first learned flow starts")
    gap_s: Span = Field((1.0, 5.0), description="mean gap between arrivals")
    lifetime_s: Span | None = Field(None, description="how long each learned flow stays; unset: to the end")
    cross_share: float = Field(0.0, ge=0, le=1, description="share of worlds that have cross traffic")
    cross_traffic: tuple[str, ...] = Field(("cubic",), min_length=1, description="controllers of cross traffic")
    cross_flows: IntSpan = Field((1, 1), description="flows of cross traffic in a world that has any")
    cross_s: Span = Field((0.0, 0.0), description="when each flow of cross traffic starts")
    varying_share: float = Field(0.0, ge=0, le=1, description="share of worlds whose capacity varies")
    traces: tuple[Path, ...] = Field(
        (), description="mahimahi traces for worlds whose capacity varies; none: a random walk, half to double"
    )
    stepping_share: float = Field(
        0.0, ge=0, le=1, description="share of the other worlds whose capacity is drawn anew every anew_s"
    )
    moving_share: float = Field(0.0, ge=0, le=1, description="share of worlds whose base RTTs change every anew_s")
    longer: Span = Field((1.0, 2.0), description="how many times its smallest the smallest base RTT then is")
    anew_s: float = Field(15.0, ge=0.001, le=1e5, description="time between such changes")
    two_way_share: float = Field(
        0.0, ge=0, le=1, description="share of worlds whose acknowledgements queue on the way back, beside data"
    )
    back_ratio: Span = Field((0.05, 1.0), description="capacity of the way back over the bottleneck's, there")
    opposite: float = Field(0.5, ge=0, le=1, description="probability that a learned flow there sends the other way")
    duration_s: float = Field(30.0, gt=0, le=1e5, description="length of an episode in s of virtual time")
    interval_ms: float = Field(0.0, ge=0, description="one control interval for all; 0: max(30 ms, srtt / 2) of each")
    packet_bytes: int = Field(1500, ge=64, le=9000, description="bytes of a packet")
    policy: PolicySettings = Field(PolicySettings(), description="how actions are applied")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        positive = ("bandwidth_mbps", "rtt_ms", "buffer_bdp", "gap_s", "packets_per_flow", "lifetime_s", "back_ratio")
        for name in positive:
            span = getattr(self, name)
            if span is not None and not (span[0] > 0 and math.isfinite(span[1])):
                raise ValueError(f"{name} must lie above 0, got {span[0]:g} to {span[1]:g}")
        if not (self.flows[0] >= 1 and self.flows[1] + self.cross_flows[1] <= FLOWS_MAX):
            raise ValueError(
                f"a world holds 1 to {FLOWS_MAX} flows, cross traffic included: lower flows or cross_flows"
            )
        if self.rtt_ratio[0] < 1:
            raise ValueError(f"rtt_ratio is of the largest to the smallest RTT, so it cannot be {self.rtt_ratio[0]:g}")
        if self.longer[0] < 1:
            raise ValueError(f"longer is of a base RTT to its smallest, so it cannot be {self.longer[0]:g}")
        if self.cross_flows[0] < 1:
            raise ValueError("cross_flows must be at least 1: set cross_share to 0 to have worlds without any")
        if not (self.loss[0] >= 0 and self.loss[1] < 1):
            raise ValueError(f"loss must lie in [0, 1), got {self.loss[0]:g} to {self.loss[1]:g}")
        for name in self.cross_traffic:
            if Controller.find(name).external:
                raise ValueError(
                    f"'{name}' waits for actions, so it cannot be cross traffic: choose a classic controller"
                )
        return self

    @property
    def flows_most(self) -> int:
        """Most flows of a world, cross traffic included."""
        return self.flows[1] + (self.cross_flows[1] if self.cross_share else 0)


class WorldMix(Settings):
    """Worlds of several kinds: each is drawn from one of ``parts``, as often as its share says."""

    parts: tuple[WorldRanges, ...] = Field(min_length=1, description="the kinds")
    shares: tuple[float, ...] = Field(description="how often each is drawn, relative to the others")

    @model_validator(mode="after")
    def _alike(self) -> Self:
        if len(self.shares) != len(self.parts) or not all(0 < share < math.inf for share in self.shares):
            raise ValueError(f"shares must be {len(self.parts)} numbers above 0, one for each of the parts")
        if len({(part.controller, part.policy, part.packet_bytes) for part in self.parts}) > 1:
            raise ValueError("all parts of a mix must have the same controller, policy and packet_bytes")
        return self

    @property
    def controller(self) -> Steered:
        """What actions drive, in all of them."""
        return self.parts[0].controller

    @property
    def policy(self) -> PolicySettings:
        """How actions are applied, in all of them."""
        return self.parts[0].policy


def draw(ranges: WorldRanges | WorldMix, rng: np.random.Generator) -> WorldSettings:
    """Return the settings of one world; the same state of ``rng`` gives the same world.

    Learned flows are called ``flow-0``, ``flow-1``, ... in the order of their arrival.
    """
    if isinstance(ranges, WorldMix):
        part = int(rng.choice(len(ranges.parts), p=np.array(ranges.shares) / sum(ranges.shares)))
        return draw(ranges.parts[part], rng)
    count = _whole(ranges.flows, rng)
    cross = _whole(ranges.cross_flows, rng) if rng.random() < ranges.cross_share else 0
    rtt = _log(ranges.rtt_ms, rng)
    mbps = _log(ranges.bandwidth_mbps, rng)
    if ranges.packets_per_flow is not None:
        mbps = _log(ranges.packets_per_flow, rng) * (count + cross) * ranges.packet_bytes * 8e-3 / rtt
        mbps = min(max(mbps, ranges.bandwidth_mbps[0]), ranges.bandwidth_mbps[1])
    buffer = buffer_for(mbps, rtt, _log(ranges.buffer_bdp, rng), ranges.packet_bytes)
    loss = _plain(ranges.loss, rng)
    rtts = rtt * np.exp(rng.random(count + cross) * math.log(_log(ranges.rtt_ratio, rng)))
    rtts[rng.integers(count + cross)] = rtt
    starts = _starts(ranges, count, rng)
    flows = [
        FlowSettings(
            name=f"flow-{i}",
            controller=ranges.controller,
            parameter=float(rng.choice(ranges.weights)),
            start_s=start,
            end_s=_end(ranges, start, rng),
            rtt_ms=rtts[i],
            **_acknowledgements(ranges, rng),
        )
        for i, start in enumerate(starts)
    ]
    flows += [
        FlowSettings(
            name=f"cross-{i}",
            controller=str(rng.choice(ranges.cross_traffic)),
            start_s=_start(ranges.cross_s, rng),
            rtt_ms=rtts[count + i],
            **_acknowledgements(ranges, rng),
        )
        for i in range(cross)
    ]
    varied = _variation(ranges, mbps, rng)
    link = LinkSettings(
        capacity_mbps=mbps, delay_ms=rtt / 2, buffer_bytes=buffer, loss=loss, **varied,
        **_changes(ranges, mbps, rtt, bool(varied), rng),
    )  # fmt: skip
    links, sent = _ways(ranges, link, flows, rng)
    return WorldSettings(
        links=links,
        flows=sent,
        duration_s=ranges.duration_s,
        seed=int(rng.integers(1 << 62)),
        packet_bytes=ranges.packet_bytes,
        sample_ms=0,
        interval_ms=ranges.interval_ms,
        policy=ranges.policy,
    )


def shape_for(ranges: WorldRanges | WorldMix) -> Shape:
    """Return the shape of arrays that hold every world of these ``ranges``."""
    if isinstance(ranges, WorldMix):
        return Shape(*map(max, zip(*map(shape_for, ranges.parts), strict=True)))
    largest = draw(ranges, np.random.default_rng(0))
    longest = ranges.longer[1] - 1 if ranges.moving_share else 0.0
    mbps, rtt = ranges.bandwidth_mbps[1], ranges.rtt_ms[1] * (ranges.rtt_ratio[1] + longest)
    pipe = mbps * 1e3 / 8 * (rtt + ranges.buffer_bdp[1] * ranges.rtt_ms[1]) / ranges.packet_bytes
    links = [LinkSettings(trace=trace) for trace in ranges.traces] or [LinkSettings(walk=RandomWalk())]
    varied = max(segments_of(link, ranges.duration_s) for link in links) if ranges.varying_share else 0
    both = 2 if ranges.two_way_share else 1
    return shape_of(largest)._replace(
        flows=ranges.flows_most,
        links=both,
        hops=both,
        packets=min(1 << math.ceil(math.log2(2 * pipe + 1024)), _RING_MAX),
        segments=max(varied, _count(ranges) if ranges.stepping_share else 0),
        delays=_count(ranges) if ranges.moving_share else 0,
    )


def _starts(ranges: WorldRanges, count: int, rng: np.random.Generator) -> list[float]:
    gap, first = _log(ranges.gap_s, rng), _start(ranges.first_s, rng)
    if ranges.arrivals == "together":
        return [first] * count
    gaps = np.full(count - 1, gap) if ranges.arrivals == "staggered" else rng.exponential(gap, count - 1)
    last = 0.9 * ranges.duration_s  # a flow that comes later than this would hardly take part
    return [first, *np.minimum(first + np.cumsum(gaps), last).tolist()]


def _start(span: tuple[float, float], rng: np.random.Generator) -> float:
    return _plain(span, rng) if span[1] > 0 else 0.0


def _end(ranges: WorldRanges, start: float, rng: np.random.Generator) -> float | None:
    if ranges.lifetime_s is None:
        return None
    end = start + _log(ranges.lifetime_s, rng)
    return end if end < ranges.duration_s else None


def _acknowledgements(ranges: WorldRanges, rng: np.random.Generator) -> dict[str, float]:
    return {
        "jitter_ms": _plain(ranges.jitter_ms, rng),
        "ack_every": _whole(ranges.ack_every, rng),
        "ack_slot_ms": _plain(ranges.ack_slot_ms, rng),
    }


def _variation(ranges: WorldRanges, mbps: float, rng: np.random.Generator) -> dict[str, object]:
    if rng.random() >= ranges.varying_share:
        return {}
    if ranges.traces:
        return {"trace": ranges.traces[rng.integers(len(ranges.traces))], "trace_offset_s": rng.integers(600) * 0.1}
    return {"walk": RandomWalk(low_mbps=mbps / 2, high_mbps=mbps * 2)}


def _changes(ranges: WorldRanges, mbps: float, rtt: float, varied: bool, rng: np.random.Generator) -> dict[str, object]:
    """Return capacity and added delay over time, of worlds that have them; others draw no random numbers."""
    found: dict[str, object] = {}
    starts = np.arange(_count(ranges)) * ranges.anew_s
    if ranges.stepping_share and rng.random() < ranges.stepping_share and not varied:
        rates = [mbps, *(_log(ranges.bandwidth_mbps, rng) for _ in starts[1:])]
        found["steps"] = tuple(zip(starts.tolist(), rates, strict=True))
    if ranges.moving_share and rng.random() < ranges.moving_share:
        added = (rng.uniform(*ranges.longer, len(starts)) - 1) * rtt
        found["delay_steps"] = tuple(zip(starts.tolist(), added.tolist(), strict=True))
    return found


def _ways(
    ranges: WorldRanges, link: LinkSettings, flows: list[FlowSettings], rng: np.random.Generator
) -> tuple[tuple[LinkSettings, ...], tuple[FlowSettings, ...]]:
    """Return links and flows, of worlds that have it with a way back; others draw no random numbers."""
    if not ranges.two_way_share or rng.random() >= ranges.two_way_share:
        return (link,), tuple(flows)
    mbps, rtt = link.capacity_mbps * _log(ranges.back_ratio, rng), 2 * link.delay_ms
    buffer = buffer_for(mbps, rtt, _log(ranges.buffer_bdp, rng), ranges.packet_bytes)
    back = LinkSettings(name="back", capacity_mbps=mbps, delay_ms=link.delay_ms, buffer_bytes=buffer)
    turned = [flow.controller.external and rng.random() < ranges.opposite for flow in flows]
    ways = ({"path": (link.name,), "back": (back.name,)}, {"path": (back.name,), "back": (link.name,)})
    found = [flow.model_copy(update=ways[other]) for flow, other in zip(flows, turned, strict=True)]
    return (link, back), tuple(found)


def _count(ranges: WorldRanges) -> int:
    """Return how often within an episode something is drawn anew, its start included."""
    return math.ceil(ranges.duration_s / ranges.anew_s)


def _whole(span: tuple[int, int], rng: np.random.Generator) -> int:
    return int(rng.integers(span[0], span[1] + 1))


def _plain(span: tuple[float, float], rng: np.random.Generator) -> float:
    return float(rng.uniform(*span))


def _log(span: tuple[float, float], rng: np.random.Generator) -> float:
    low, high = span
    return float(min(max(low * math.exp(rng.random() * math.log(high / low)), low), high))
