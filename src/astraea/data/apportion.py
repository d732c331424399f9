"""Whole-number division: the shares that counts, sizes and held-out sets are made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["apportion", "largest_remainder", "water_fill"]


def largest_remainder(quota: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round ``quota`` (n,) to whole numbers with the same (rounded) sum, each off by less than one.

    Every quota is rounded down; what is then missing goes to the largest remainders (Hamilton's method),
    ties to the lowest index.
    """
    whole = np.floor(quota).astype(np.int64)
    missing = round(float(quota.sum())) - int(whole.sum())
    whole[np.argsort(whole - quota, kind="stable")[:missing]] += 1
    return whole


def water_fill(weights: NDArray[np.float64], total: float, minimum: float) -> NDArray[np.float64]:
    """Divide ``total`` in proportion to positive ``weights`` (n,), but give each at least ``minimum``.

    What the small ones are given is taken from the others in proportion. Needs ``total >= n * minimum``.
    """
    low = np.zeros(len(weights), dtype=bool)
    while not low.all():
        rest = total - minimum * low.sum()
        parts = np.where(low, minimum, weights * (rest / weights[~low].sum()))
        if not (parts < minimum).any():
            return parts
        low |= parts < minimum
    return np.full(len(weights), float(minimum))


def apportion(weights: NDArray[np.float64], total: int, minimum: int = 0) -> NDArray[np.int64]:
    """Divide ``total`` things in proportion to positive ``weights`` (n,), each part whole and >= ``minimum``.

    Needs ``total >= n * minimum``.
    """
    return largest_remainder(water_fill(weights, total, minimum))
