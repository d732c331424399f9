"""Max-min sharing on any links: an event changes the rates of those that share links with it, directly or not.

Transfers that are affected are found by walking from link to link. Their rates then rise together, each in
proportion to its weight, until a limit of their own or a link stops them (Bertsekas and Gallager, 6.5.2); or, with
strict priority, each takes what those before it have left.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from astraea.congestion.compiled import inner
from astraea.network.fluid.heaps import drop, push

__all__ = ["ENDING", "balance", "enter", "leave", "soonest"]

ENDING, ORDER = 0, 1  # heaps: transfers by their end, and those of a component by priority
_FULL = 1e-12


@inner
def enter(s: Any, i: int, now: float) -> None:
    """Let transfer ``i`` send its ``left[i]`` bytes from ``now`` on."""
    s.flow[i].rate = 0.0
    s.flow[i].since = now
    s.flow[i].stale = 1
    push(s.heaps, ENDING, 0, i, np.inf)
    for hop in range(s.routes.shape[1]):
        j = s.routes[i, hop]
        if j < 0:
            break
        s.seat[i, hop] = s.link[j].busy
        s.guests[s.link[j].room + s.link[j].busy] = i * s.routes.shape[1] + hop
        s.link[j].busy += 1
        s.link[j].dirty = 1
    if s.routes[i, 0] < 0:
        _set(s, i, s.flow[i].cap, now)


@inner
def leave(s: Any, i: int, now: float) -> None:
    """Take transfer ``i`` out; ``left[i]`` says what it has not sent."""
    s.flow[i].left = max(s.flow[i].left - s.flow[i].rate * (now - s.flow[i].since), 0.0)
    drop(s.heaps, ENDING, 0, i)
    hops = s.routes.shape[1]
    for hop in range(hops):
        j = s.routes[i, hop]
        if j < 0:
            break
        s.link[j].busy -= 1
        last = s.guests[s.link[j].room + s.link[j].busy]
        s.guests[s.link[j].room + s.seat[i, hop]] = last
        s.seat[last // hops, last % hops] = s.seat[i, hop]
        s.link[j].dirty = 1


@inner
def balance(s: Any, now: float) -> None:
    """Share anew all links that are dirty, and those that are connected with them by transfers under way."""
    for j in range(len(s.link)):
        if s.link[j].dirty:
            flows, links = _component(s, j)
            if s.head[0].strict:
                _serve(s, flows, links, now)
            else:
                _fill(s, flows, links, now)


@inner
def soonest(s: Any, now: float) -> int:
    """Return the transfer that ends first, or -1, and note when in ``s.head[0].when``."""
    h = s.heaps
    if h.size[ENDING, 0] == 0:
        s.head[0].when = np.inf
        return -1
    i = h.items[ENDING, 0]
    s.head[0].when = max(h.key[ENDING, i], now)
    return int(i)


@inner
def _component(s: Any, start: int) -> tuple[int, int]:
    """List transfers and links that are connected with link ``start``; return how many; they are dirty no more."""
    hops = s.routes.shape[1]
    flows, links, looked = 0, 1, 0
    s.links[0] = start
    s.link[start].dirty = 0
    s.link[start].marked = 1
    while looked < links:
        j = s.links[looked]
        looked += 1
        for k in range(s.link[j].busy):
            i = s.guests[s.link[j].room + k] // hops
            if s.flow[i].found:
                continue
            s.flow[i].found = 1
            s.flows[flows] = i
            flows += 1
            for hop in range(hops):
                other = s.routes[i, hop]
                if other < 0:
                    break
                if not s.link[other].marked:
                    s.link[other].marked = 1
                    s.link[other].dirty = 0
                    s.links[links] = other
                    links += 1
    for k in range(flows):
        s.flow[s.flows[k]].found = 0
    for k in range(links):
        j = s.links[k]
        s.link[j].marked = 0
        s.link[j].free = s.link[j].capacity
        s.link[j].load = s.link[j].others
    return flows, links


@inner
def _fill(s: Any, flows: int, links: int, now: float) -> None:
    """Give the listed transfers their weighted max-min shares."""
    hops = s.routes.shape[1]
    for k in range(flows):
        i = s.flows[k]
        for hop in range(hops):
            j = s.routes[i, hop]
            if j < 0:
                break
            s.link[j].load += s.flow[i].weight
    left = flows
    while left > 0:
        level = np.inf
        narrow = -1
        for k in range(links):
            j = s.links[k]
            if s.link[j].load > 0.0:
                share = max(s.link[j].free, 0.0) / s.link[j].load
                if share < level:
                    level = share
                    narrow = j
        kept = 0
        for k in range(left):  # those whose own limit is below every link's share get it
            i = s.flows[k]
            if s.flow[i].cap <= level * s.flow[i].weight * (1.0 + _FULL):
                _take(s, i, s.flow[i].cap, now)
            else:
                s.flows[kept] = i
                kept += 1
        if kept < left:
            left = kept
            continue
        kept = 0
        for k in range(left):
            i = s.flows[k]
            crosses = False
            for hop in range(hops):
                crosses = crosses or s.routes[i, hop] == narrow
            if crosses:
                _take(s, i, level * s.flow[i].weight, now)
            else:
                s.flows[kept] = i
                kept += 1
        s.link[narrow].free -= level * s.link[narrow].others
        s.link[narrow].load = 0.0
        left = kept


@inner
def _take(s: Any, i: int, rate: float, now: float) -> None:
    _set(s, i, rate, now)
    for hop in range(s.routes.shape[1]):
        j = s.routes[i, hop]
        if j < 0:
            break
        s.link[j].free -= rate
        s.link[j].load = max(s.link[j].load - s.flow[i].weight, 0.0)


@inner
def _serve(s: Any, flows: int, links: int, now: float) -> None:
    """Give the listed transfers, in order of priority, as much as is left on all of their links."""
    for k in range(flows):
        i = s.flows[k]
        push(s.heaps, ORDER, 0, i, -s.flow[i].priority)
    while s.heaps.size[ORDER, 0] > 0:
        i = s.heaps.items[ORDER, s.heaps.base[ORDER, 0]]
        drop(s.heaps, ORDER, 0, i)
        rate = s.flow[i].cap
        for hop in range(s.routes.shape[1]):
            j = s.routes[i, hop]
            if j < 0:
                break
            rate = min(rate, s.link[j].free if s.link[j].free > _FULL * s.link[j].capacity else 0.0)
        _take(s, i, rate, now)


@inner
def _set(s: Any, i: int, rate: float, now: float) -> None:
    """Note the rate of transfer ``i`` from ``now`` on, and when it will end."""
    if rate == s.flow[i].rate and not s.flow[i].stale:
        return
    s.flow[i].left = max(s.flow[i].left - s.flow[i].rate * (now - s.flow[i].since), 0.0)
    s.flow[i].since = now
    s.flow[i].rate = rate
    s.flow[i].stale = 0
    drop(s.heaps, ENDING, 0, i)
    push(s.heaps, ENDING, 0, i, now + s.flow[i].left / rate if rate > 0.0 else np.inf)
