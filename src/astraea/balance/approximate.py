"""Mediators for very many clients: a greedy choice from a window, then exchanges, at a cost linear in their number.

The exact greedy compares every waiting client at every pick, so its cost grows with the square of their number,
and it begins with the clients that are balanced by themselves: the last mediators get what is left. Here each
mediator begins with the most skewed client of a window that is refilled as it is emptied, and is completed with
the clients of that window that balance it best. Pairs of mediators then exchange clients wherever that lowers
the sum of their divergences.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from astraea.balance.pooled import ONE, arrange, compiled, divergences, exchange, fixed_x_log_x, levels_of

__all__ = ["approximate_kl"]

_WINDOW = 4096
"""Clients that a pick chooses from."""

_PART = 100_000
"""Clients that are scheduled by themselves, in a thread of their own: about this many, however many cores."""

_ROUNDS = 40
"""How often mediators are paired anew for exchanges."""


def approximate_kl(counts: NDArray[np.float64], capacity: int, rng: np.random.Generator) -> list[list[int]]:
    """Return mediators of ``capacity`` clients, the most balanced client of each first.

    ``counts`` has shape ``(c, N)`` without empty rows. Time is about ``c * 4096`` sums over ``N`` classes, on as
    many cores as there are parts of 100,000 clients; memory is a few times that of ``counts``.
    """
    clients = len(counts)
    levels = levels_of(counts, capacity)
    table = fixed_x_log_x(min(capacity * int(levels.max(initial=0)), int(levels.sum(axis=0).max(initial=0))))
    order = rng.permutation(clients)
    mediators = -(-clients // capacity)
    parts = max(1, round(clients / _PART))
    cuts = capacity * (np.arange(1, parts) * mediators // parts)

    def scheduled(part: NDArray[np.int64], own: np.random.Generator) -> list[list[int]]:
        return _schedule(levels[part], capacity, table, part, own)

    with ThreadPoolExecutor(min(parts, os.cpu_count() or 1)) as threads:
        found = threads.map(scheduled, np.split(order, cuts), rng.spawn(parts))
        return [mediator for part in found for mediator in part]


def _schedule(
    held: NDArray[np.int32],
    capacity: int,
    table: NDArray[np.int64],
    names: NDArray[np.int64],
    rng: np.random.Generator,
) -> list[list[int]]:
    """Divide the clients that hold ``held`` ``(c, N)`` among mediators, and call them by their ``names`` ``(c,)``."""
    if not len(held):
        return []
    sizes = held.sum(axis=1, dtype=np.int64)
    skew = divergences(held, table)
    members, pooled = _fill(held, sizes, skew, capacity, _WINDOW, table)
    for turn in range(_ROUNDS):
        exchange(held, sizes, members, pooled, rng.permutation(len(members)), turn, table, np.inf)
    arrange(held, sizes, members, table)
    return [[int(names[place]) for place in row if place >= 0] for row in members]


@compiled
def _fill(
    held: NDArray[np.int32],
    sizes: NDArray[np.int64],
    skew: NDArray[np.float64],
    capacity: int,
    window: int,
    table: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return each mediator's clients ``(M, capacity)``, -1 where the last has less, and pooled counts ``(M, N)``."""
    clients, classes = held.shape
    mediators = -(-clients // capacity)
    members = np.full((mediators, capacity), -1, np.int64)
    pooled = np.zeros((mediators, classes), np.int32)
    waiting = min(window, clients)  # those in the window, which are copied to lie side by side in the cache
    follower = waiting  # the next to enter it
    places = np.arange(waiting)
    near, near_sizes, near_skew = held[:waiting].copy(), sizes[:waiting].copy(), skew[:waiting].copy()
    for mediator in range(mediators):
        pool, total = pooled[mediator], 0
        for seat in range(min(capacity, clients - mediator * capacity)):
            best, least = 0, np.inf
            for one in range(waiting):
                if seat == 0:
                    value = -near_skew[one]
                else:
                    change = 0
                    for label in range(classes):
                        change += table[pool[label] + near[one, label]]
                    after = total + near_sizes[one]
                    value = change / (ONE * after) - math.log(after)
                if value < least:
                    best, least = one, value
            members[mediator, seat] = places[best]
            total += near_sizes[best]
            for label in range(classes):
                pool[label] += near[best, label]
            if follower < clients:
                source, follower = follower, follower + 1
                places[best], near_sizes[best], near_skew[best] = source, sizes[source], skew[source]
                near[best] = held[source]
            else:
                waiting -= 1
                places[best], near_sizes[best], near_skew[best] = (
                    places[waiting],
                    near_sizes[waiting],
                    near_skew[waiting],
                )
                near[best] = near[waiting]
    return members, pooled
