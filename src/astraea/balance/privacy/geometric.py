"""Two-sided geometric noise, exactly: no floating-point number decides what is drawn."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

__all__ = ["Below", "two_sided_geometric"]

Below = Callable[[int], int]
"""Draws a whole number from 0 to one less than the argument, each with the same chance: ``secrets.randbelow``."""


def two_sided_geometric(epsilon: Fraction, below: Below) -> int:
    """Return a whole number ``k`` with a chance in proportion to ``exp(-epsilon |k|)``.

    Added to a count that one sample changes by 1, it makes that ε-differentially private (Ghosh, Roughgarden &
    Sundararajan, STOC 2009). The sampler is Algorithm 2 of Canonne, Kamath & Steinke, *The Discrete Gaussian for
    Differential Privacy*, NeurIPS 2020, whose arithmetic is that of fractions.
    """
    scale, parts = epsilon.denominator, epsilon.numerator
    while True:
        whole = below(scale)
        if not _exponential(Fraction(whole, scale), below):
            continue
        repeats = 0
        while _exponential(Fraction(1), below):
            repeats += 1
        size = (whole + scale * repeats) // parts
        negative = below(2) == 1
        if negative and size == 0:
            continue
        return -size if negative else size


def _exponential(power: Fraction, below: Below) -> bool:
    """Return true with chance ``exp(-power)``, for ``power`` from 0 to 1 (their Algorithm 1)."""
    number = 1
    while below(power.denominator * number) < power.numerator:
        number += 1
    return number % 2 == 1
