"""From decision to decision, compiled: many worlds advance, each until flows of its own have to be asked.

A world stops at the next instant at which at least one agent, a flow under outside control, closes a control
interval with news of at least one acknowledgement, unless it is still starting or renewing its base RTT. All
agents that do so at that same instant are asked together: with intervals of their own that is usually one, with
a common interval it is all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.compiled import compiled, inlined
from astraea.congestion.connection.fixed_point import ONE
from astraea.congestion.connection.record import Floats, Ints, Rows, rows
from astraea.congestion.controllers import dispatch
from astraea.congestion.environment.global_state import STATE, survey
from astraea.congestion.metrics.maxmin import fill_shares
from astraea.congestion.observation.features import observe
from astraea.congestion.observation.frames import FRAME, FRAMES, HISTORY, Frame, History, begin, frame_at, record
from astraea.congestion.reward import TERMS, Coefficients, judge, reward_of
from astraea.congestion.simulator.arrays import pick
from astraea.congestion.simulator.capacity import work_by
from astraea.congestion.simulator.links import extra_delay
from astraea.congestion.simulator.loop import advance
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.simulator.state import ACTIVE, World, Worlds
from astraea.congestion.simulator.steering import act

__all__ = ["Batch", "allocate_batch", "clear", "step_worlds"]


class Batch(NamedTuple):
    """What the environment keeps beside the worlds; W worlds, F flows, L links, O observation, S global state."""

    frames: Rows[Rows[Rows[Frame]]]  # (W, F, FRAMES) FRAME
    histories: Rows[Rows[History]]  # (W, F) HISTORY
    base_rtts: Floats  # (W, F) float64: without queues, microseconds
    added: Floats  # (W, L) float64: of that, what each link's delay has gained
    weights: Floats  # (W, F) float64
    demands: Floats  # (W, F) float64: packets per second that the application has
    shares: Floats  # (W, F) float64: max-min share in packets per second, 0 while absent
    rising: Ints  # (W, F) uint8: room to work in
    room: Floats  # (W, L) float64
    load: Floats  # (W, L) float64
    presence: Ints  # (W,) int64: changes when a flow comes or goes
    until: Ints  # (W,) int64: where to stop, nanoseconds
    # what a step leaves
    due: Ints  # (W, F) uint8: who is asked for an action
    features: NDArray[np.int32]  # (W, F, O) int32: in 1/1024
    observations: NDArray[np.float32]  # (W, F, O) float32: the same in units
    rewards: NDArray[np.float32]  # (W, F) float32: of those who are asked
    elapsed: NDArray[np.float32]  # (W, F) float32: length of the interval that was closed, seconds
    terms: Floats  # (W, 6) float64: the reward's
    states: NDArray[np.float32]  # (W, S) float32
    reached: Ints  # (W,) uint8: whether nobody was to be asked before ``until``


def allocate_batch(worlds: int, flows: int, links: int, size: int) -> Batch:
    """Return zeroed arrays for observations of ``size`` values."""
    per_flow = (worlds, flows)
    return Batch(
        frames=rows((*per_flow, FRAMES), FRAME),
        histories=rows(per_flow, HISTORY),
        base_rtts=np.zeros(per_flow),
        added=np.zeros((worlds, links)),
        weights=np.ones(per_flow),
        demands=np.full(per_flow, np.inf),
        shares=np.zeros(per_flow),
        rising=np.zeros(per_flow, np.uint8),
        room=np.zeros((worlds, links)),
        load=np.zeros((worlds, links)),
        presence=np.zeros(worlds, np.int64),
        until=np.zeros(worlds, np.int64),
        due=np.zeros(per_flow, np.uint8),
        features=np.zeros((*per_flow, size), np.int32),
        observations=np.zeros((*per_flow, size), np.float32),
        rewards=np.zeros(per_flow, np.float32),
        elapsed=np.zeros(per_flow, np.float32),
        terms=np.zeros((worlds, len(TERMS))),
        states=np.zeros((worlds, len(STATE)), np.float32),
        reached=np.zeros(worlds, np.uint8),
    )


def clear(batch: Batch, worlds: Worlds, k: int, settings: WorldSettings) -> None:
    """Make row ``k`` of ``batch`` ready for world ``k``, which has just been filled from ``settings``."""
    for array in batch:
        array[k] = np.zeros((), array.dtype)
    count = len(settings.flows)
    flows, links, routes = worlds.flows[k, :count], worlds.links[k], worlds.routes[k]
    size = settings.packet_bytes
    batch.weights[k] = 1.0
    batch.demands[k] = np.inf
    batch.weights[k, :count] = np.where(flows.external == 1, flows.parameter, 1.0)
    begin(batch.histories[k, :count], batch.weights[k, :count], size)
    for i, flow in enumerate(settings.flows):
        path, back = links[routes[i, : flows.hops[i]]], links[routes[i, flows.hops[i] : flows.legs[i]]]
        transmission = size * path.ns_per_byte.sum() + flow.ack_bytes * back.ns_per_byte.sum()
        batch.base_rtts[k, i] = (flows.reverse_delay[i] + path.delay.sum() + transmission) / 1e3
        if flow.app_mbps is not None:
            batch.demands[k, i] = flow.app_mbps * 1e6 / 8 / size
        elif flow.transfer_bytes is not None:
            batch.demands[k, i] = flow.transfer_bytes / flow.transfer_every_s / size
    batch.until[k] = round(settings.duration_s * 1e9)


@compiled
def step_worlds(
    worlds: Worlds,
    batch: Batch,
    lo: int,
    hi: int,
    actions: Floats,
    kind: int,
    slots: int,
    coefficients: Rows[Coefficients],
) -> None:
    """Answer for who is due in worlds ``lo`` to ``hi`` with ``actions``, shape (W, F), and go on to the next."""
    for k in range(lo, hi):
        w = pick(worlds, k)
        _step(w, batch, k, actions[k], kind, slots, coefficients[0])


@inlined
def _step(w: World, b: Batch, k: int, actions: Floats, kind: int, slots: int, c: Coefficients) -> None:
    count = w.clock[0].flows
    for i in range(count):
        if b.due[k, i]:
            act(w, i, actions[i])
            b.due[k, i] = 0
    asked = 0
    until = b.until[k]
    pause = count > 0  # not a literal True: that is a type of its own, for which the loop would be compiled again
    going = pause
    while going:
        i = advance(w, until, pause)
        going = i >= 0
        if going:
            asked += _note(w, b, k, i)
            if asked:
                until = w.clock[0].now
                going = _others(w, until)
    b.reached[k] = asked == 0
    _divide(w, b, k)
    _lengthen(w, b, k)
    judge(w.flows, count, b.frames[k], b.histories[k], b.shares[k], b.base_rtts[k], c, -1, b.terms[k])
    survey(w, b.frames[k], b.histories[k], b.shares[k], b.base_rtts[k], b.states[k])
    together = reward_of(b.terms[k], c)
    for i in range(count):
        b.rewards[k, i] = 0.0
        if b.due[k, i]:
            observe(kind, slots, b.frames[k, i], b.histories[k, i], b.features[k, i])
            for j in range(b.features.shape[2]):
                b.observations[k, i, j] = b.features[k, i, j] / ONE
            b.elapsed[k, i] = frame_at(b.frames[k, i], b.histories[k, i], 0).duration * 1e-6
            b.rewards[k, i] = together
            if c.credit > 0.0:
                judge(w.flows, count, b.frames[k], b.histories[k], b.shares[k], b.base_rtts[k], c, i, b.terms[k])
                b.rewards[k, i] = (1.0 - c.credit) * together + c.credit * reward_of(b.terms[k], c)


@inlined
def _note(w: World, b: Batch, k: int, i: int) -> int:
    """Record the interval that agent ``i`` has closed; return 1 if it is to be asked."""
    news = record(b.frames[k, i], b.histories[k, i], w.intervals[i])
    b.due[k, i] = news and not dispatch.busy(w.controls, i, w.flows[i])
    return int(b.due[k, i])


@inlined
def _others(w: World, now: int) -> bool:
    """Return whether another agent closes an interval at this very instant."""
    found = 0
    for i in range(w.clock[0].flows):
        found += w.flows[i].external and w.flows[i].interval_at <= now
    return found > 0


@inlined
def _lengthen(w: World, b: Batch, k: int) -> None:
    """Bring the base round-trip times up to date where a link's delay varies."""
    for j in range(w.clock[0].links):
        link = w.links[j]
        if link.first_delay < link.last_delay:
            change = extra_delay(link, w.delays, w.clock[0].now) * 1e-3 - b.added[k, j]
            b.added[k, j] += change
            for i in range(w.clock[0].flows):
                for leg in range(w.flows[i].legs):
                    if w.routes[i, leg] == j:
                        b.base_rtts[k, i] += change


@inlined
def _divide(w: World, b: Batch, k: int) -> None:
    """Bring the max-min shares up to date if a flow came or went or a capacity may have changed."""
    presence = 1
    varies = False
    for i in range(w.clock[0].flows):
        presence = 31 * presence + w.flows[i].phase
    for j in range(w.clock[0].links):
        varies = varies or w.links[j].first < w.links[j].last
    if presence == b.presence[k] and not varies:
        return
    b.presence[k] = presence
    size = 0
    for i in range(w.clock[0].flows):
        f = w.flows[i]
        b.rising[k, i] = f.phase == ACTIVE
        size = f.wire_bytes
    for j in range(w.clock[0].links):
        link = w.links[j]
        ns_per_byte = link.ns_per_byte
        if link.first < link.last:
            work_by(link, w.segments, w.clock[0].now)
            ns_per_byte = w.segments[link.now_segment].ns_per_byte
        b.room[k, j] = 1e9 * (1.0 - link.loss) / (ns_per_byte * size)
    fill_shares(b.room[k], w.routes, w.flows.hops, b.weights[k], b.demands[k], b.rising[k], b.load[k], b.shares[k])
