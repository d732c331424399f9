"""Max-min sharing where a transfer crosses at most one shared link and one above it: O(log n + groups) an event.

Transfers behind one shared link form a group. All of its transfers that are not held back by a limit of their own
rise to one level (rate per weight), so that they end in the order of ``bytes / weight`` counted on the group's own
clock, which runs at that level; the others end at a time that is known. A group's level is the lower of its own
link's and of the link's above. Transfers change sides as levels pass their limits, each change in O(log n).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from astraea.congestion.compiled import inner
from astraea.network.fluid.heaps import drop, push

__all__ = ["advance", "balance", "enter", "leave", "lift", "soonest"]

LIMITED, ENDING, RISING, FLOWING = 0, 1, 2, 3  # heaps: limited by ratio (largest first) and by end; rising by both
_HAIR = 1e-12


@inner
def enter(s: Any, i: int, now: float) -> None:
    """Let transfer ``i`` send its ``left[i]`` bytes, at its own limit for now: :func:`balance` decides."""
    _limit(s, s.flow[i].group, i, now)


@inner
def leave(s: Any, i: int, now: float) -> None:
    """Take transfer ``i`` out; ``left[i]`` says what it has not sent."""
    g = s.flow[i].group
    if s.flow[i].floats:
        _unfloat(s, g, i)
    else:
        _unlimit(s, g, i, now)


@inner
def lift(s: Any, i: int, cap: float) -> bool:
    """Give transfer ``i`` another limit in place if it shares and goes on sharing; return whether it did."""
    f = s.flow[i]
    g = f.group
    if not f.floats or cap <= s.group[g].level * f.weight:
        return False
    drop(s.heaps, RISING, g, i)
    f.cap = cap
    push(s.heaps, RISING, g, i, cap / f.weight)
    return True


@inner
def advance(s: Any, step: float) -> None:
    """Let the groups' clocks run for ``step`` seconds."""
    for g in range(len(s.group)):
        if s.group[g].floating > 0.0:
            s.group[g].clock += s.group[g].level * step


@inner
def balance(s: Any, now: float) -> None:
    """Bring levels and sides into agreement: first those whose limit is above the level, then the others."""
    h = s.heaps
    moved = True
    while moved:
        _levels(s)
        moved = False
        for g in range(len(s.group)):
            if h.size[LIMITED, g] > 0:
                i = h.items[LIMITED, h.base[LIMITED, g]]
                if s.flow[i].cap > s.group[g].level * s.flow[i].weight * (1.0 + _HAIR):
                    _unlimit(s, g, i, now)
                    _float(s, g, i)
                    moved = True
    moved = True
    while moved:
        moved = False
        for g in range(len(s.group)):
            while h.size[RISING, g] > 0:
                i = h.items[RISING, h.base[RISING, g]]
                if s.flow[i].cap > s.group[g].level * s.flow[i].weight:
                    break
                _unfloat(s, g, i)
                _limit(s, g, i, now)
                moved = True
        if moved:
            _levels(s)


@inner
def soonest(s: Any, now: float) -> int:
    """Return the transfer that ends first, or -1, and note when in ``s.head[0].when``."""
    h = s.heaps
    best = -1
    when = np.inf
    for g in range(len(s.group)):
        if h.size[ENDING, g] > 0:
            i = h.items[ENDING, h.base[ENDING, g]]
            if h.key[ENDING, i] < when:
                when = h.key[ENDING, i]
                best = i
        if h.size[FLOWING, g] > 0 and s.group[g].level > 0.0:
            i = h.items[FLOWING, h.base[FLOWING, g]]
            at = now + max(h.key[FLOWING, i] - s.group[g].clock, 0.0) / s.group[g].level
            if at < when:
                when = at
                best = i
    s.head[0].when = when
    return int(best)


@inner
def _limit(s: Any, g: int, i: int, now: float) -> None:
    cap = s.flow[i].cap
    s.flow[i].floats = 0
    s.group[g].limited += cap
    push(s.heaps, LIMITED, g, i, -cap / s.flow[i].weight)
    push(s.heaps, ENDING, g, i, now + s.flow[i].left / cap if cap > 0.0 else np.inf)


@inner
def _unlimit(s: Any, g: int, i: int, now: float) -> None:
    cap = s.flow[i].cap
    s.group[g].limited -= cap
    if cap > 0.0:
        s.flow[i].left = max((s.heaps.key[ENDING, i] - now) * cap, 0.0)
    drop(s.heaps, LIMITED, g, i)
    drop(s.heaps, ENDING, g, i)
    if s.heaps.size[LIMITED, g] == 0:
        s.group[g].limited = 0.0


@inner
def _float(s: Any, g: int, i: int) -> None:
    s.flow[i].floats = 1
    if s.heaps.size[FLOWING, g] == 0:
        s.group[g].clock = 0.0
    s.group[g].floating += s.flow[i].weight
    push(s.heaps, RISING, g, i, s.flow[i].cap / s.flow[i].weight)
    push(s.heaps, FLOWING, g, i, s.group[g].clock + s.flow[i].left / s.flow[i].weight)


@inner
def _unfloat(s: Any, g: int, i: int) -> None:
    s.group[g].floating -= s.flow[i].weight
    s.flow[i].left = max((s.heaps.key[FLOWING, i] - s.group[g].clock) * s.flow[i].weight, 0.0)
    drop(s.heaps, RISING, g, i)
    drop(s.heaps, FLOWING, g, i)
    if s.heaps.size[FLOWING, g] == 0:
        s.group[g].floating = s.group[g].others


@inner
def _levels(s: Any) -> None:
    """Set the level of every group: each link above is shared by those below it that their own link leaves room."""
    for g in range(len(s.group)):
        s.group[g].own = np.inf
        if s.group[g].link >= 0:
            s.group[g].own = _share(s.link[s.group[g].link].capacity, s.group[g].limited, s.group[g].floating)
    for r in range(len(s.roots)):
        share = -1.0
        while True:
            taken = 0.0
            weight = 0.0
            for g in range(len(s.group)):
                if s.group[g].above == r:
                    taken += s.group[g].limited
                    if s.group[g].own <= share:
                        taken += s.group[g].own * s.group[g].floating if s.group[g].floating > 0.0 else 0.0
                    else:
                        weight += s.group[g].floating
            higher = _share(s.link[s.roots[r].link].capacity, taken, weight)
            if higher <= share:
                break
            share = higher
            if share == np.inf:
                break
        for g in range(len(s.group)):
            if s.group[g].above == r:
                s.group[g].level = min(s.group[g].own, share)
    for g in range(len(s.group)):
        if s.group[g].above < 0:
            s.group[g].level = s.group[g].own


@inner
def _share(capacity: float, taken: float, weight: float) -> float:
    """Return what is left for each of ``weight``; with nobody to take it, no limit, unless too much is taken."""
    if weight > 0.0:
        return max(capacity - taken, 0.0) / weight
    return 0.0 if taken > capacity * (1.0 + _HAIR) else np.inf
