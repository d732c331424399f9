"""Heaps from which any member can be taken out: members are numbers, several heaps lie in one array."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from astraea.congestion.compiled import compiled, inner

__all__ = ["Heaps", "drop", "heaps", "push"]


class Heaps(NamedTuple):
    """``B`` kinds of heap over ``n`` members in ``G`` groups; a member is in one group's heap of a kind at most."""

    items: Any  # (B, room) int64: members in heap order, each group from its base on
    place: Any  # (B, n) int64: where a member stands in its heap
    key: Any  # (B, n) float64: the smallest is first
    base: Any  # (B, G) int64
    size: Any  # (B, G) int64


def heaps(groups: list[Any], members: int) -> Heaps:
    """Return empty heaps; ``groups[b]`` says how many members each group of kind ``b`` may have."""
    kinds, widest = len(groups), max(len(counts) for counts in groups)
    base = np.zeros((kinds, widest), np.int64)
    for b, counts in enumerate(groups):
        base[b, 1 : len(counts)] = np.cumsum(counts)[:-1]
    room = max(int(np.sum(counts)) for counts in groups)
    return Heaps(
        items=np.zeros((kinds, max(room, 1)), np.int64),
        place=np.zeros((kinds, members), np.int64),
        key=np.zeros((kinds, members)),
        base=base,
        size=np.zeros((kinds, widest), np.int64),
    )


@compiled
def push(h: Any, b: int, g: int, i: int, key: float) -> None:
    """Put member ``i`` into the heap of kind ``b`` of group ``g``."""
    k = h.size[b, g]
    h.size[b, g] = k + 1
    h.key[b, i] = key
    _rise(h, b, h.base[b, g], k, i)


@compiled
def drop(h: Any, b: int, g: int, i: int) -> None:
    """Take member ``i`` out of it."""
    size = h.size[b, g] - 1
    h.size[b, g] = size
    base = h.base[b, g]
    k = h.place[b, i]
    if k < size:
        last = h.items[b, base + size]
        if h.key[b, last] < h.key[b, i]:
            _rise(h, b, base, k, last)
        else:
            _sink(h, b, base, size, k, last)


@inner
def _rise(h: Any, b: int, base: int, k: int, i: int) -> None:
    key = h.key[b, i]
    while k > 0:
        parent = (k - 1) >> 1
        other = h.items[b, base + parent]
        if h.key[b, other] <= key:
            break
        h.items[b, base + k] = other
        h.place[b, other] = k
        k = parent
    h.items[b, base + k] = i
    h.place[b, i] = k


@inner
def _sink(h: Any, b: int, base: int, size: int, k: int, i: int) -> None:
    key = h.key[b, i]
    while True:
        child = 2 * k + 1
        if child >= size:
            break
        if child + 1 < size and h.key[b, h.items[b, base + child + 1]] < h.key[b, h.items[b, base + child]]:
            child += 1
        other = h.items[b, base + child]
        if h.key[b, other] >= key:
            break
        h.items[b, base + k] = other
        h.place[b, other] = k
        k = child
    h.items[b, base + k] = i
    h.place[b, i] = k
