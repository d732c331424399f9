"""Mediators for very many clients: a greedy choice from a window, then exchanges, at a cost linear in their number.

The exact greedy compares every waiting client at every pick, so its cost grows with the square of their number,
and it begins with the clients that are balanced by themselves: the last mediators get what is left. Here each
mediator begins with the most skewed client of a window that is refilled as it is emptied, and is completed with
the clients of that window that balance it best. Pairs of mediators then exchange clients wherever that lowers
the sum of their divergences.

Sums of ``q log q`` are kept in whole numbers (fixed point), which are the same in whatever order a processor
adds them, so a schedule does not depend on the machine's vector instructions.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["approximate_kl"]

_WINDOW = 4096
"""Clients that a pick chooses from."""

_PART = 100_000
"""Clients that are scheduled by themselves, in a thread of their own: about this many, however many cores."""

_ROUNDS = 40
"""How often mediators are paired anew for exchanges."""

_PARTNERS = 20
"""Most clients of the other mediator that a client is compared with in one pairing."""

_LEVELS = 2**20
"""Whole counts that pool to no more are taken as they are; others are scaled to this many levels."""

_ONE = 2.0**30
"""The unit of fixed-point numbers: sums of ``q log q`` stay below 2**63, their error below 1e-8 of a nat."""

F = TypeVar("F", bound=Callable[..., Any])


def approximate_kl(counts: NDArray[np.float64], capacity: int, rng: np.random.Generator) -> list[list[int]]:
    """Return mediators of ``capacity`` clients, the most balanced client of each first.

    ``counts`` has shape ``(c, N)`` without empty rows. Time is about ``c * 4096`` sums over ``N`` classes, on as
    many cores as there are parts of 100,000 clients; memory is a few times that of ``counts``.
    """
    clients = len(counts)
    levels = _levels(counts, capacity)
    table = _fixed_x_log_x(min(capacity * int(levels.max(initial=0)), int(levels.sum(axis=0).max(initial=0))))
    order = rng.permutation(clients)
    mediators = -(-clients // capacity)
    parts = max(1, round(clients / _PART))
    cuts = capacity * (np.arange(1, parts) * mediators // parts)

    def scheduled(part: NDArray[np.int64], own: np.random.Generator) -> list[list[int]]:
        return _schedule(levels[part], capacity, table, part, own)

    with ThreadPoolExecutor(min(parts, os.cpu_count() or 1)) as threads:
        found = threads.map(scheduled, np.split(order, cuts), rng.spawn(parts))
        return [mediator for part in found for mediator in part]


def _levels(counts: NDArray[np.float64], capacity: int) -> NDArray[np.int32]:
    """Return counts as whole numbers: themselves, or in proportion; what is held stays at least 1."""
    most = min(capacity * counts.max(initial=0.0), counts.sum(axis=0).max(initial=0.0))
    if most <= _LEVELS and bool((counts == np.rint(counts)).all()):
        return counts.astype(np.int32)
    scaled: NDArray[np.float64] = np.maximum(np.rint(counts * (_LEVELS / most)), counts > 0)
    return scaled.astype(np.int32)


def _fixed_x_log_x(most: int) -> NDArray[np.int64]:
    """Return ``q log q`` of 0 .. ``most`` in fixed point."""
    q = np.arange(most + 1, dtype=np.float64)
    return np.rint(_ONE * q * np.log(np.maximum(q, 1.0))).astype(np.int64)


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
    skew = table[held].sum(axis=1) / (_ONE * sizes) - np.log(sizes)
    members, pooled = _fill(held, sizes, skew, capacity, _WINDOW, table)
    for turn in range(_ROUNDS):
        _exchange(held, sizes, members, pooled, rng.permutation(len(members)), turn, table)
    _arrange(held, sizes, members, table)
    return [[int(names[place]) for place in row if place >= 0] for row in members]


def _compiled(function: F) -> F:
    dispatcher: Any = njit(cache=True, nogil=True)(function)
    return dispatcher  # type: ignore[no-any-return]


@_compiled
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
                    value = change / (_ONE * after) - math.log(after)
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


@_compiled
def _exchange(
    held: NDArray[np.int32],
    sizes: NDArray[np.int64],
    members: NDArray[np.int64],
    pooled: NDArray[np.int32],
    order: NDArray[np.int64],
    turn: int,
    table: NDArray[np.int64],
) -> None:
    """Pair mediators in the given order, and let each pair exchange clients where that lowers their divergences."""
    classes = held.shape[1]
    capacity = members.shape[1]
    for pair in range(len(order) // 2):
        one, other = order[2 * pair], order[2 * pair + 1]
        left, right = pooled[one], pooled[other]
        left_total, right_total, left_sum, right_sum = 0, 0, 0, 0
        for label in range(classes):
            left_total += left[label]
            right_total += right[label]
            left_sum += table[left[label]]
            right_sum += table[right[label]]
        now = left_sum / (_ONE * left_total) - math.log(left_total)
        now += right_sum / (_ONE * right_total) - math.log(right_total)
        for seat in range(capacity):
            for step in range(min(capacity, _PARTNERS)):
                across = (seat + turn * _PARTNERS + step) % capacity
                giving, taking = members[one, seat], members[other, across]
                if giving < 0 or taking < 0:
                    continue
                left_sum, right_sum = 0, 0
                for label in range(classes):
                    change = held[taking, label] - held[giving, label]
                    left_sum += table[left[label] + change]
                    right_sum += table[right[label] - change]
                grown = sizes[taking] - sizes[giving]
                then = left_sum / (_ONE * (left_total + grown)) - math.log(left_total + grown)
                then += right_sum / (_ONE * (right_total - grown)) - math.log(right_total - grown)
                if then < now - 1e-12:
                    for label in range(classes):
                        change = held[taking, label] - held[giving, label]
                        left[label] += change
                        right[label] -= change
                    members[one, seat], members[other, across] = taking, giving
                    left_total += grown
                    right_total -= grown
                    now = then


@_compiled
def _arrange(
    held: NDArray[np.int32], sizes: NDArray[np.int64], members: NDArray[np.int64], table: NDArray[np.int64]
) -> None:
    """Order each mediator's clients as the greedy picks them: each time whoever balances best what is pooled."""
    classes = held.shape[1]
    for mediator in range(len(members)):
        row = members[mediator]
        pool, total = np.zeros(classes, np.int32), 0
        for seat in range(len(row)):
            best, least = -1, np.inf
            for place in range(seat, len(row)):
                client = row[place]
                if client < 0:
                    continue
                change = 0
                for label in range(classes):
                    change += table[pool[label] + held[client, label]]
                after = total + sizes[client]
                value = change / (_ONE * after) - math.log(after)
                if value < least:
                    best, least = place, value
            if best < 0:
                break
            row[seat], row[best] = row[best], row[seat]
            pool += held[row[seat]]
            total += sizes[row[seat]]
