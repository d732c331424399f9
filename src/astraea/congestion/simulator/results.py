"""Read what has happened in a world as NumPy arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.connection.record import INF
from astraea.congestion.simulator.build import flow_name
from astraea.congestion.simulator.links import backlog, could_carry
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.simulator.state import WAITING, World

__all__ = ["FALLBACK_MOST", "Result", "read"]

FALLBACK_MOST = 0.05
"""Share of the time in fallback beyond which what flows under a policy did counts as CUBIC's."""

Series = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Result:
    """What became of a world: per-flow series of shape ``(flows, samples)``, totals of shape ``(flows,)``.

    A value of a series is the mean over the sampling period that ends at its time, or the state then; where a
    flow heard nothing in a period, its times are NaN.
    """

    settings: WorldSettings
    names: tuple[str, ...]
    times_s: Series  # (samples,)
    throughput_mbps: Series  # acknowledged transmissions
    goodput_mbps: Series  # acknowledged data, each piece once
    rtt_ms: Series
    rtt_min_ms: Series  # smallest within the period
    srtt_ms: Series
    jitter_ms: Series  # mean absolute difference of successive round-trip times
    loss: Series  # transmissions declared lost, as a share of those sent
    inflight: Series  # packets, at the end of the period
    cwnd: Series  # packets
    pacing_mbps: Series  # 0: unpaced
    backlog_bytes: Series  # (links, samples)
    sent: NDArray[np.int64]  # packets
    delivered: NDArray[np.int64]
    goodput: NDArray[np.int64]
    lost: NDArray[np.int64]
    resent: NDArray[np.int64]
    start_s: Series  # when each flow started; NaN if it waits for another one or its turn
    completion_s: Series  # from a flow's start to its last byte; NaN if it had not finished
    transfer_s: Series  # (flows, transfers) from each hand-over to its last byte; NaN as above
    link_utilisation: Series  # (links,) what a link carried of what it could have carried
    link_dropped: NDArray[np.int64]  # (links,) packets that found no room or met random loss
    fallback_s: Series = field(default_factory=lambda: np.zeros(0))
    """Time in which a policy's flow was outside what the policy is for, and under CUBIC's rules; empty: not known."""

    @property
    def fallback(self) -> float:
        """Share of the time of flows under a policy's window in which that was so, from 0 to 1; NaN: no such flows."""
        total = aside = 0.0
        for flow, start, whole, spent in zip(
            self.settings.flows, self.start_s, self.completion_s, self.fallback_s, strict=False
        ):
            if flow.controller.name == "policy" and start == start:
                end = self.settings.duration_s if flow.end_s is None else min(flow.end_s, self.settings.duration_s)
                total += whole if whole == whole else max(end - start, 0.0)
                aside += spent
        return float(aside / total) if total else math.nan


def read(world: World, settings: WorldSettings) -> Result:
    """Return what is known of ``world`` at its present time."""
    count = int(world.clock[0].samples)
    flows, links = world.flows, world.links
    now = world.clock[0].now
    waiting = np.array([backlog(link, world.segments, now) for link in links])
    capacity = np.array([could_carry(link, world.segments, now) for link in links])
    bits = settings.packet_bytes * 8
    rows = np.asarray(world.samples)[:count].T  # (flows, samples)
    period = settings.sample_ms * 1e-3

    def change(field: str) -> Series:
        return np.diff(rows[field], axis=1, prepend=0).astype(np.float64)

    def time(values: Series) -> Series:
        return np.where(values > 0, values, np.nan) * 1e-6

    with np.errstate(divide="ignore", invalid="ignore"):
        delivered = change("delivered")
        return Result(
            settings=settings,
            names=tuple(flow_name(flow, i) for i, flow in enumerate(settings.flows)),
            times_s=np.arange(1.0, count + 1) * period,
            throughput_mbps=delivered * bits / period * 1e-6 if count else delivered,
            goodput_mbps=change("goodput") * bits / period * 1e-6 if count else delivered,
            rtt_ms=change("rtt_sum") / delivered * 1e-6,
            rtt_min_ms=time(rows["rtt_min"]),
            srtt_ms=time(rows["srtt"]),
            jitter_ms=change("rtt_step_sum") / change("acks") * 1e-6,
            loss=np.nan_to_num(change("lost") / change("sent")),
            inflight=rows["inflight"].astype(np.float64),
            cwnd=rows["cwnd"].copy(),
            pacing_mbps=rows["pacing_rate"] * bits * 1e-6,
            backlog_bytes=world.backlogs[:count].T.astype(np.float64),
            sent=flows["sent"].copy(),
            delivered=flows["delivered"].copy(),
            goodput=flows["goodput"].copy(),
            lost=flows["lost"].copy(),
            resent=flows["resent"].copy(),
            fallback_s=flows["fallback"] * 1e-9,
            start_s=np.where((flows["phase"] == WAITING) & (flows["wake_at"] == INF), np.nan, _begun(flows)) * 1e-9,
            completion_s=np.where(
                flows["una_seq"] >= flows["finish_seq"],
                (flows["finished_at"] - _begun(flows)) * 1e-9,
                np.nan,
            ),
            transfer_s=_transfer_times(world),
            link_utilisation=(links["bytes"] - waiting) / capacity,
            link_dropped=links["overflowed"] + links["dropped"] + links["corrupted"],
        )


def _begun(flows: Any) -> NDArray[np.int64]:
    """Return when each flow started, in ns: with its turn, if it takes turns."""
    begun: NDArray[np.int64] = np.where(
        (flows["gate"] >= 0) & (flows["phase"] != WAITING), flows["started_at"], flows["start_at"]
    )
    return begun


def _transfer_times(world: World) -> Series:
    flows, completions = world.flows, world.completions
    count = completions.shape[1]
    begun = flows["start_at"][:, None] + np.arange(count) * flows["app_gap"][:, None]
    done = np.arange(count) < flows["transfers"][:, None]
    return np.where(done, (completions - begun) * 1e-9, np.nan)
