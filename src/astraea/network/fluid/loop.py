"""The loop over events: a transfer becomes due, is let in, speeds up or ends, or a link changes."""

from __future__ import annotations

from typing import Any

import numpy as np

from astraea.congestion.compiled import compiled, inner
from astraea.network.fluid import mesh, tree
from astraea.network.fluid.heaps import drop, push
from astraea.network.fluid.state import INTERVAL, SETTLING_SHARE

__all__ = ["GATE", "TIMER", "run"]

TIMER, GATE = 4, 5  # heaps beside those of the two ways of sharing
_WAITING, _HELD, _SENDING, _DONE = 0, 1, 2, 3
_HELD_BACK = 1e-9  # a rate this much below what a transfer could take is the doing of others
_LOOKS = 0.1  # share of its age after which a transfer that was held back grows again, if longer than a round trip
_SAME = 1e-12  # ends this close, relative to the time, are one event

_balance_tree, _enter_tree, _leave_tree, _soonest_tree = tree.balance, tree.enter, tree.leave, tree.soonest
_balance_mesh, _enter_mesh, _leave_mesh, _soonest_mesh = mesh.balance, mesh.enter, mesh.leave, mesh.soonest
_advance_tree, _lift_tree = tree.advance, tree.lift


@compiled
def run(s: Any, until: float) -> int:
    """Run state ``s`` until all transfers are sent or time is up; return how many events there were."""
    h = s.heaps
    n = len(s.flow)
    now = 0.0
    done = 0
    events = 0
    while done < n:
        i = _soonest(s, now)
        end = s.head[0].when
        at = end
        if h.size[TIMER, 0] > 0:
            at = min(at, h.key[TIMER, h.items[TIMER, h.base[TIMER, 0]]])
        if at > until or at == np.inf:
            break
        if s.head[0].by_tree:
            _advance_tree(s, at - now)
        now = at
        while i >= 0 and end <= now * (1.0 + _SAME):
            _finish(s, i, now)
            done += 1
            events += 1
            i = _soonest(s, now)
            end = s.head[0].when
        while h.size[TIMER, 0] > 0 and h.key[TIMER, h.items[TIMER, h.base[TIMER, 0]]] <= now:
            i = h.items[TIMER, h.base[TIMER, 0]]
            drop(h, TIMER, 0, i)
            events += 1
            if i >= n:
                _change(s, i - n, now)
            elif s.flow[i].phase == _WAITING:
                _due(s, i, now)
            else:
                _speed_up(s, i, now)
        for k in range(len(s.gates)):
            _admit(s, s.gates[k], now)
        if s.head[0].by_tree:
            _balance_tree(s, now)
        else:
            _balance_mesh(s, now)
    return events


@inner
def _soonest(s: Any, now: float) -> int:
    if s.head[0].by_tree:
        return int(_soonest_tree(s, now))
    return int(_soonest_mesh(s, now))


@inner
def _enter(s: Any, i: int, now: float) -> None:
    if s.head[0].by_tree:
        _enter_tree(s, i, now)
    else:
        _enter_mesh(s, i, now)


@inner
def _leave(s: Any, i: int, now: float) -> None:
    if s.head[0].by_tree:
        _leave_tree(s, i, now)
    else:
        _leave_mesh(s, i, now)


@inner
def _limit(s: Any, i: int) -> float:
    """Return the rate that flow control and the links of its own leave transfer ``i``."""
    limit = s.flow[i].window
    for hop in range(s.private.shape[1]):
        j = s.private[i, hop]
        if j < 0:
            break
        limit = min(limit, s.link[j].capacity)
    return float(limit)


@inner
def _due(s: Any, i: int, now: float) -> None:
    """Transfer ``i`` could send now: let it, or hold it until others have ended."""
    s.flow[i].ready = now
    gate = s.flow[i].gate
    if s.head[0].few > 0 and gate >= 0:
        s.flow[i].phase = _HELD
        push(s.heaps, GATE, gate, i, -s.flow[i].priority)
    else:
        _begin(s, i, now)


@inner
def _admit(s: Any, gate: int, now: float) -> None:
    """Let transfers in by priority while they are few, or could not fill the link."""
    h = s.heaps
    while h.size[GATE, gate] > 0 and (
        s.link[gate].inside < s.head[0].few or s.link[gate].demand < s.link[gate].capacity
    ):
        i = h.items[GATE, h.base[GATE, gate]]
        drop(h, GATE, gate, i)
        s.link[gate].inside += 1
        s.flow[i].asked = _limit(s, i)
        s.link[gate].demand += s.flow[i].asked
        _begin(s, i, now)


@inner
def _begin(s: Any, i: int, now: float) -> None:
    s.flow[i].phase = _SENDING
    s.flow[i].begun = now
    limit = _limit(s, i)
    s.flow[i].cap = min(limit, s.flow[i].opening)
    if s.flow[i].opening < limit:
        s.flow[i].pause = s.flow[i].rtt
        push(s.heaps, TIMER, 0, i, now + s.flow[i].rtt)
    else:
        s.flow[i].opening = np.inf
    _enter(s, i, now)
    links = s.private.shape[1]
    for hop in range(links):
        if s.private[i, hop] < 0:
            break
        s.link[s.private[i, hop]].user = i


@inner
def _speed_up(s: Any, i: int, now: float) -> None:
    """A transfer's window grows: in slow start each round trip, and more slowly once others have held it back."""
    f = s.flow[i]
    limit = _limit(s, i)
    grown = s.head[0].growth
    if s.head[0].recovery < np.inf:
        rate = _rate(s, i)
        if rate < f.cap * (1.0 - _HELD_BACK):
            f.hindered = 1
            f.opening = rate
        if f.hindered:
            grown = s.head[0].recovery ** (f.pause / f.rtt)
            f.pause = max(f.rtt, _LOOKS * (now - f.begun))
    if f.settled and not f.hindered:
        f.opening = np.inf
    else:
        f.opening *= grown
    if f.opening < limit:
        push(s.heaps, TIMER, 0, i, now + f.pause)
    elif s.head[0].settling > 0.0 and not (f.settled or f.hindered):
        f.settled = 1
        f.opening = SETTLING_SHARE * limit
        push(s.heaps, TIMER, 0, i, now + s.head[0].settling * max(INTERVAL, f.rtt / 2) / (1.0 - SETTLING_SHARE))
    else:
        f.opening = np.inf
    _renew(s, i, min(limit, f.opening), now)


@inner
def _rate(s: Any, i: int) -> float:
    """Return what transfer ``i`` sends at now, in bytes/s."""
    if not s.head[0].by_tree:
        return float(s.flow[i].rate)
    if s.flow[i].floats:
        return float(s.group[s.flow[i].group].level * s.flow[i].weight)
    return float(s.flow[i].cap)


@inner
def _renew(s: Any, i: int, cap: float, now: float) -> None:
    if cap == s.flow[i].cap:
        return
    if not (s.head[0].by_tree and _lift_tree(s, i, cap)):
        _leave(s, i, now)
        s.flow[i].cap = cap
        _enter(s, i, now)


@inner
def _finish(s: Any, i: int, now: float) -> None:
    """The last byte of transfer ``i`` is sent: those that wait for it become due after it has arrived."""
    _leave(s, i, now)
    if s.flow[i].opening < np.inf:
        drop(s.heaps, TIMER, 0, i)
    s.flow[i].phase = _DONE
    s.flow[i].sent = now
    s.flow[i].arrived = now + s.flow[i].flight
    for hop in range(s.private.shape[1]):
        if s.private[i, hop] < 0:
            break
        s.link[s.private[i, hop]].user = -1
    k = s.flow[i].child
    while k >= 0:
        push(s.heaps, TIMER, 0, k, s.flow[i].arrived + s.flow[k].wait)
        k = s.flow[k].sibling
    gate = s.flow[i].gate
    if s.head[0].few > 0 and gate >= 0:
        s.link[gate].inside -= 1
        s.link[gate].demand -= s.flow[i].asked


@inner
def _change(s: Any, j: int, now: float) -> None:
    """Link ``j`` enters the next row of its capacity over time."""
    row = s.link[j].row + 1
    if row == s.link[j].last:
        row = s.link[j].first
        s.link[j].lap += 1
    s.link[j].row = row
    s.link[j].capacity = s.link[j].scale * s.rows[row].rate
    following = s.rows[row + 1].start if row + 1 < s.link[j].last else s.link[j].period
    push(s.heaps, TIMER, 0, len(s.flow) + j, s.link[j].lap * s.link[j].period + following - s.link[j].offset)
    i = s.link[j].user
    if i >= 0:
        _renew(s, i, min(_limit(s, i), s.flow[i].opening), now)
    if not s.head[0].by_tree:
        s.link[j].dirty = 1
