"""A round packet by packet: transfers as finite flows in the simulator, each starting after the one it waits for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.controllers.controller import Controller
from astraea.congestion.play import Playing
from astraea.congestion.simulator.settings import FlowSettings, LinkSettings, Turn, Turns, WorldSettings
from astraea.errors import InputError, RunError
from astraea.network.flows import Flows
from astraea.network.fluid.model import Moments, Sharing, gates
from astraea.network.layout import Layout
from astraea.network.sharing import FEW, HEAVIEST

__all__ = ["MOST_FLOWS", "Unable", "packets_of", "send", "unable"]

MOST_FLOWS = 4096
"""So many transfers can be simulated packet by packet."""

_PATIENCE = 30.0  # a round may take so many times what the fluid model says
_BYTES = 1e6 / 8


def packets_of(flows: Flows, layout: Layout) -> int:
    """Return how many packets the round of ``flows`` sends, without repeats, over all links."""
    hops = (flows.shared >= 0).sum(axis=1) + (flows.private >= 0).sum(axis=1)
    return int((np.ceil(flows.size / layout.network.transport.packet_bytes) * hops).sum())


class Unable(NamedTuple):
    """Why packets cannot simulate a round, and what to do about it but for taking the fluid model."""

    reason: str
    mend: str = ""


def unable(flows: Flows, layout: Layout, controller: str, sharing: Sharing) -> Unable | None:
    """Return what the simulator of packets lacks for a round, ``None`` if it can simulate it."""
    transport = layout.network.transport
    if flows.background.any():
        return Unable("packets do not know background_flows", "set background_mbps, or ")
    if transport.connections == "warm" or not transport.slow_start:
        return Unable(
            "packets begin with slow start",
            "leave transport.slow_start on and set transport.connections to 'kept' or 'fresh', or ",
        )
    if sharing.weight is not None and not Controller.find(controller).weighs:
        able = ", ".join(name for name, kind in Controller.known().items() if kind.weighs)
        return Unable(f"{controller} takes no weights in packets", f"choose congestion {able}, or another sharing, or ")
    if len(flows.after) > MOST_FLOWS:
        return Unable(
            f"{len(flows.after):,} transfers are more than the {MOST_FLOWS:,} that can be simulated packet by packet"
        )
    return None


def send(flows: Flows, layout: Layout, controller: str, sharing: Sharing, expected: float, until: float) -> Moments:
    """Return when each flow begins, ends and arrives, all of them under ``controller``.

    ``layout`` must be that of the flows, with links filled to the whole. Weights go to the controller as its
    parameter. Where few are let in at a time, so are they here. Under strict priority who comes first may fill the
    link, those after it use what it leaves while its window grows, and a controller that takes weights gives it most.
    A follower starts when the last byte before it has arrived, or, if it waits for less than the way back, when that
    is acknowledged. ``expected`` seconds set the pace of the look at who has ended. Raises :class:`InputError` for what
    packets cannot do and :class:`RunError` if flows never end.
    """
    if (lack := unable(flows, layout, controller, sharing)) is not None:
        raise InputError(f"{lack.reason}: {lack.mend}choose fidelity 'fluid'")
    horizon = min(until, _PATIENCE * expected + 60.0)
    settings = _world(flows, layout, controller, sharing, horizon)
    world = Playing(settings)
    now, step = 0.0, max(expected / 4, 1e-3)
    while now < horizon:
        now = min(now + step, horizon)
        world.run(now)
        result = world.read()
        if np.isfinite(result.completion_s).all():
            break
    else:
        if horizon < until:
            lost = int(np.isnan(result.completion_s).sum())
            raise RunError(
                f"{lost} of {len(flows.after)} transfers under {controller} have not ended after {horizon:,.0f} s, "
                f"where {expected:,.1f} were expected: choose fidelity 'fluid', or a network with room for them"
            )
    begun = np.where(np.isnan(result.start_s), np.inf, result.start_s)
    ended = np.where(np.isnan(result.completion_s), np.inf, begun + result.completion_s)
    arrived = ended - flows.flight  # the way back of the last acknowledgement
    sent = arrived - flows.flight
    cut = arrived > until
    before = np.where(flows.after < 0, 0.0, arrived[flows.after])
    return Moments(
        np.minimum(before + flows.wait, begun), begun, np.where(cut, np.inf, sent), np.where(cut, np.inf, arrived)
    )


def _world(flows: Flows, layout: Layout, controller: str, sharing: Sharing, horizon: float) -> WorldSettings:
    transport = layout.network.transport
    links = _links(flows, layout, horizon)
    used = sorted({int(j) for row in (*flows.shared, *flows.private) for j in row if j >= 0})
    paths = _paths(flows)
    weight = np.ones(len(paths)) if sharing.weight is None else sharing.weight
    turns = _turns(flows, sharing)
    heavy = sharing.strict and Controller.find(controller).weighs
    made = [
        FlowSettings(
            name=str(i),
            controller=controller,
            parameter=float(weight[i]),
            turn=turns[i],
            path=tuple(str(j) for j in paths[i]),
            rtt_ms=max(2e3 * float(flows.flight[i]), 1e-3),
            start_s=float(flows.wait[i]),
            after=None if flows.after[i] < 0 else str(flows.after[i]),
            size_bytes=max(int(np.ceil(flows.size[i] / transport.packet_bytes)), 1) * transport.packet_bytes,
        )
        for i in range(len(paths))
    ]
    window = 1 << 15 if transport.window_bytes is None else max(transport.window_bytes // transport.payload_bytes, 4)
    return WorldSettings(
        links=tuple(links[j] for j in used),
        flows=tuple(made),
        duration_s=horizon,
        sample_ms=0,
        packet_bytes=transport.packet_bytes,
        window_max_packets=window,
        turns=Turns(few=sharing.few or FEW, preempt=sharing.strict, heaviest=HEAVIEST if heavy else 0.0),
        seed=layout.network.seed,
    )


def _turns(flows: Flows, sharing: Sharing) -> list[Turn | None]:
    """Return where each flow waits for its turn: at the narrowest link of its path, if it shares one."""
    gate = gates(flows)
    if not (sharing.strict or sharing.few):
        return [None] * len(gate)
    priority = np.zeros(len(gate)) if sharing.priority is None else sharing.priority
    asks = np.minimum(flows.limit / _BYTES, 1e6)
    return [
        None if gate[i] < 0 else Turn(link=str(gate[i]), priority=float(priority[i]), asks_mbps=float(asks[i]))
        for i in range(len(gate))
    ]


def _paths(flows: Flows) -> list[list[int]]:
    """Return the links of each flow: a client's own first on the way up, and last on the way down."""
    return [list(path[path >= 0]) for path in flows.path]


def _links(flows: Flows, layout: Layout, horizon: float) -> dict[int, LinkSettings]:
    """Return every link as the simulator takes it, by its number."""
    network, capacities = layout.network, layout.capacities
    packet = network.transport.packet_bytes
    delays = [network.server.delay_ms] * 2 + [link.delay_ms for link in network.links for _ in range(2)]
    buffers = [network.server.buffer_bdp] * 2 + [link.buffer_bdp for link in network.links for _ in range(2)]
    for site in (network.sites[i] for i in layout.site_of):
        delays += [site.delay_ms] * 2
        buffers += [site.buffer_bdp] * 2
    rtt = _mean_rtt(flows, len(delays))
    found = {}
    for j in np.flatnonzero(rtt > 0).tolist():
        peak = float(capacities.peak[j])
        rows = slice(int(capacities.first[j]), int(capacities.last[j]))
        steps: tuple[tuple[float, float], ...] = ()
        if rows.stop - rows.start > 1:
            steps = tuple(
                _unrolled(
                    capacities.start[rows],
                    capacities.rate[rows] * capacities.scale[j] / _BYTES,
                    float(capacities.period[j]),
                    float(capacities.offset[j]),
                    horizon,
                )
            )
        found[j] = LinkSettings(
            name=str(j),
            capacity_mbps=peak / _BYTES,
            delay_ms=delays[j],
            loss=float(layout.loss[j]),
            buffer_bytes=max(round(buffers[j] * peak * rtt[j]), 2 * packet),
            steps=steps,
        )
    return found


def _mean_rtt(flows: Flows, links: int) -> NDArray[np.float64]:
    """Return the mean round-trip time of the flows on each link without queues, at least 1 µs; 0 without flows."""
    total, count = np.zeros(links), np.zeros(links)
    for columns in (flows.shared, flows.private):
        for column in columns.T:
            on = column >= 0
            np.add.at(total, column[on], np.maximum(flows.rtt[on], 1e-6))
            np.add.at(count, column[on], 1)
    mean: NDArray[np.float64] = total / np.maximum(count, 1)
    return mean


def _unrolled(
    starts: NDArray[np.float64], mbps: NDArray[np.float64], period: float, offset: float, horizon: float
) -> list[tuple[float, float]]:
    """Return capacity over time from 0 to ``horizon`` as the simulator's steps; the last one is never 0."""
    steps: list[tuple[float, float]] = []
    for lap in range(int((horizon + offset) // period) + 1):
        for start, rate in zip(starts.tolist(), mbps.tolist(), strict=True):
            at = lap * period + start - offset
            if at <= 0:
                steps = [(0.0, rate)]
            elif at < horizon and at - steps[-1][0] > 1e-9:
                steps.append((at, rate))
    if steps[-1][1] <= 0:
        steps.append((horizon + 1.0, float(mbps.max())))
    return steps
