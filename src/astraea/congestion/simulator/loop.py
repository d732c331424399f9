"""The event loop: whose turn is next, and what a flow does when its turn comes.

Each flow has one key, the time of the earliest thing it waits for; a tournament of losers over the flows
finds the smallest in log2(flows) steps (Knuth, The Art of Computer Programming 3, 5.4.1).
"""

from __future__ import annotations

from astraea.congestion.compiled import compiled, inlined
from astraea.congestion.connection.intervals import close_interval
from astraea.congestion.connection.record import INF
from astraea.congestion.simulator.acknowledge import acknowledge
from astraea.congestion.simulator.application import close, release, wake
from astraea.congestion.simulator.recovery import expire
from astraea.congestion.simulator.sender import advance_stage, send
from astraea.congestion.simulator.state import CLOSED, Clock, Flow, World
from astraea.congestion.simulator.statistics import record_sample
from astraea.congestion.simulator.turns import renew

__all__ = ["REACHED", "advance"]

REACHED = -1


@compiled
def advance(w: World, until: int, pause: bool) -> int:
    """Run world ``w`` to the end of virtual time ``until``.

    With ``pause``, stop as soon as a flow under outside control has closed a control interval and return its
    number: ``w.intervals[number]`` holds what happened, :func:`act` answers, and calling again goes on.
    Returns :data:`REACHED` otherwise.
    """
    clock = w.clock[0]
    leaves = clock.leaves
    keys = w.keys
    owners = w.owners
    _build(w, clock)
    i = owners[0]
    now = keys[0]
    while now <= until:
        clock.now = now
        decided = False
        if i < clock.flows:
            f = w.flows[i]
            decided = _step(w, i, f, now) and pause
            if f.follower >= 0 and f.phase == CLOSED:
                release(w, f, now)
            if clock.moved:
                clock.moved = 0
                _build(w, clock)
                if decided:
                    return int(i)
                i = owners[0]
                now = keys[0]
                continue
            key = _key(w, i, f)
        else:
            record_sample(w, clock, now)
            key = clock.sample_at
        mine = i
        node = (leaves + i) >> 1
        while node > 0:
            other = keys[node]
            whose = owners[node]
            lower = other < key or (other == key and whose < mine)
            keys[node] = key if lower else other
            owners[node] = mine if lower else whose
            key = other if lower else key
            mine = whose if lower else mine
            node >>= 1
        keys[0] = key
        owners[0] = mine
        if decided:
            return int(i)
        i = mine
        now = key
    clock.now = until
    return REACHED


@inlined
def _step(w: World, i: int, f: Flow, now: int) -> bool:
    """Do all that flow ``i`` has to do at ``now``; return whether a decision from outside is due."""
    for hop in range(1, f.legs):
        if w.stages[i, hop].at <= now:
            advance_stage(w, i, f, hop, now)
    if f.wake_at <= now:
        wake(w, i, f, now)
    if f.ack_at <= now:
        acknowledge(w, i, f, now)
        if f.phase == CLOSED and f.interval_at < INF:
            close(w, i, f, now)
        elif f.gate >= 0 and f.round_start:
            renew(w, f, now)
    if f.timer_at <= now:
        expire(w, i, f, now)
    decided = False
    if f.interval_at <= now:
        close_interval(w.intervals[i], w.marks[i], f, now)
        decided = f.external == 1
    send(w, i, f, now)
    return decided


@inlined
def _key(w: World, i: int, f: Flow) -> int:
    key = min(min(f.ack_at, f.timer_at), min(min(f.release_at, f.wake_at), f.interval_at))
    for hop in range(1, f.legs):
        key = min(key, w.stages[i, hop].at)
    return int(key)


@compiled
def _build(w: World, clock: Clock) -> None:
    """Play the whole tournament anew: what acts from outside may have changed any flow's key."""
    leaves = clock.leaves
    keys = w.keys
    owners = w.owners
    for leaf in range(leaves):  # winners first, in the upper half of the arrays
        key = INF
        if leaf < clock.flows:
            key = _key(w, leaf, w.flows[leaf])
        elif leaf == clock.flows:
            key = clock.sample_at
        keys[leaves + leaf] = key
        owners[leaves + leaf] = leaf
    size = leaves
    while size > 1:
        for k in range(size // 2):
            a = leaves + 2 * k
            b = a + 1
            if keys[b] < keys[a]:
                a, b = b, a
            keys[size // 2 + k] = keys[b]
            owners[size // 2 + k] = owners[b]
            best, owner = keys[a], owners[a]
            keys[leaves + k] = best
            owners[leaves + k] = owner
        size //= 2
    keys[0] = keys[leaves]
    owners[0] = owners[leaves]
