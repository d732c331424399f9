"""Features brought to one scale from sums over clients: no client shows a sample, only counts, means and squares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator

__all__ = ["Scaling", "Sums", "scaling"]


Vector = Annotated[
    NDArray[np.float64],
    PlainValidator(lambda values: np.asarray(values, np.float64)),
    PlainSerializer(lambda values: values.tolist()),
]
"""Numbers that JSON has as a list."""


@dataclass(frozen=True)
class Sums:
    """What one client tells of its features, ``(F,)`` each: how many values, their mean, and squares about it.

    Missing values (NaN) count for nothing. Sums of two clients add up exactly, whatever the values' offset
    (Chan, Golub and LeVeque, 1983).
    """

    count: NDArray[np.float64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, x: NDArray[np.generic]) -> Sums:
        """Return the sums of samples ``(n, F)``."""
        values = x.astype(np.float64)
        known = ~np.isnan(values)
        count = known.sum(axis=0).astype(np.float64)
        mean = np.where(known, values, 0).sum(axis=0, dtype=np.float64) / np.maximum(count, 1)
        squares = (np.where(known, values - mean, 0) ** 2).sum(axis=0, dtype=np.float64)
        return cls(count, mean, squares)

    def __add__(self, other: Sums) -> Sums:
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        apart = other.mean - self.mean
        squares = self.squares + other.squares + apart**2 * self.count * share
        return Sums(count, self.mean + apart * share, squares)


@dataclass(frozen=True)
class Scaling:
    """What is done to features, ``(F,)`` each: missing values become ``fill``, ``mean`` is subtracted, and the rest is
    divided by ``deviation``."""

    fill: Vector
    mean: Vector
    deviation: Vector

    def of(self, x: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return samples ``(n, F)`` at the common scale."""
        values = x.astype(np.float64)
        return ((np.where(np.isnan(values), self.fill, values) - self.mean) / self.deviation).astype(np.float32)


def scaling(clients: Iterable[Sums], standardised: NDArray[np.bool_]) -> Scaling:
    """Return the scaling to mean 0 and standard deviation 1 over all clients of ``standardised`` features ``(F,)``.

    Others keep their values. Missing values become the mean. A feature that is the same everywhere is only shifted.
    """
    together = reduce(Sums.__add__, clients)
    deviation = np.sqrt(together.squares / np.maximum(together.count, 1))
    return Scaling(
        together.mean,
        np.where(standardised, together.mean, 0.0),
        np.where(standardised & (deviation > 0), deviation, 1.0),
    )
