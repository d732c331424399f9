"""Pooled counts of mediators in fixed point: exchanges that balance them, and the order of visits.

Sums of ``q log q`` are kept in whole numbers (fixed point), which are the same in whatever order a processor
adds them, so a schedule does not depend on the machine's vector instructions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["ONE", "arrange", "compiled", "divergences", "exchange", "fixed_x_log_x", "levels_of"]

ONE = 2.0**30
"""The unit of fixed-point numbers: sums of ``q log q`` stay below 2**63, their error below 1e-8 of a nat."""

_PARTNERS = 20
"""Most clients of the other mediator that a client is compared with in one pairing."""

_LEVELS = 2**20
"""Whole counts that pool to no more are taken as they are; others are scaled to this many levels."""

F = TypeVar("F", bound=Callable[..., Any])


def levels_of(counts: NDArray[np.float64], capacity: int) -> NDArray[np.int32]:
    """Return counts as whole numbers: themselves, or in proportion; what is held stays at least 1."""
    most = min(capacity * counts.max(initial=0.0), counts.sum(axis=0).max(initial=0.0))
    if most <= _LEVELS and bool((counts == np.rint(counts)).all()):
        return counts.astype(np.int32)
    scaled: NDArray[np.float64] = np.maximum(np.rint(counts * (_LEVELS / most)), counts > 0)
    return scaled.astype(np.int32)


def fixed_x_log_x(most: int) -> NDArray[np.int64]:
    """Return ``q log q`` of 0 .. ``most`` in fixed point."""
    q = np.arange(most + 1, dtype=np.float64)
    return np.rint(ONE * q * np.log(np.maximum(q, 1.0))).astype(np.int64)


def divergences(pooled: NDArray[np.int32], table: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the divergence of pooled counts ``(M, N)`` from uniform less ``log N``, in nats, shape ``(M,)``."""
    totals = pooled.sum(axis=1, dtype=np.int64)
    found: NDArray[np.float64] = table[pooled].sum(axis=1) / (ONE * totals) - np.log(totals)
    return found


def compiled(function: F) -> F:
    """Compile a function, which then runs beside others in threads."""
    dispatcher: Any = njit(cache=True, nogil=True)(function)
    return dispatcher  # type: ignore[no-any-return]


@compiled
def exchange(
    held: NDArray[np.int32],
    sizes: NDArray[np.int64],
    members: NDArray[np.int64],
    pooled: NDArray[np.int32],
    order: NDArray[np.int64],
    turn: int,
    table: NDArray[np.int64],
    bound: float,
) -> int:
    """Pair mediators in the given order, and let each pair exchange clients where the sum of divergences falls.

    The larger of the two divergences may grow up to ``bound`` (in nats, less log N). Returns the number of exchanges.
    """
    classes = held.shape[1]
    capacity = members.shape[1]
    exchanges = 0
    for pair in range(len(order) // 2):
        one, other = order[2 * pair], order[2 * pair + 1]
        left, right = pooled[one], pooled[other]
        left_total, right_total, left_sum, right_sum = 0, 0, 0, 0
        for label in range(classes):
            left_total += left[label]
            right_total += right[label]
            left_sum += table[left[label]]
            right_sum += table[right[label]]
        left_now = left_sum / (ONE * left_total) - math.log(left_total)
        right_now = right_sum / (ONE * right_total) - math.log(right_total)
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
                left_then = left_sum / (ONE * (left_total + grown)) - math.log(left_total + grown)
                right_then = right_sum / (ONE * (right_total - grown)) - math.log(right_total - grown)
                if max(left_then, right_then) > max(left_now, right_now, bound):
                    continue
                if left_then + right_then < left_now + right_now - 1e-12:
                    for label in range(classes):
                        change = held[taking, label] - held[giving, label]
                        left[label] += change
                        right[label] -= change
                    members[one, seat], members[other, across] = taking, giving
                    left_total += grown
                    right_total -= grown
                    left_now, right_now = left_then, right_then
                    exchanges += 1
    return exchanges


@compiled
def arrange(
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
                value = change / (ONE * after) - math.log(after)
                if value < least:
                    best, least = place, value
            if best < 0:
                break
            row[seat], row[best] = row[best], row[seat]
            pool += held[row[seat]]
            total += sizes[row[seat]]
