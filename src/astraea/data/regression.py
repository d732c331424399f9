"""Numbers to be predicted in place of classes; quantile bins of them are what is balanced."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.errors import InputError

__all__ = ["Regression", "quantile_bins"]


@dataclass(frozen=True)
class Regression:
    """How the values of a regression are cut and scaled.

    ``edges`` ``(N - 1,)`` cut them into N bins, the classes of everything that balances. Models are trained on
    ``(value - mean) / deviation``.
    """

    edges: tuple[float, ...]
    mean: float = 0.0
    deviation: float = 1.0

    @property
    def names(self) -> tuple[str, ...]:
        """What the bins are called."""
        shown = [f"{edge:.4g}" for edge in self.edges]
        between = (f"{low} to {high}" for low, high in pairwise(shown))
        return (f"below {shown[0]}", *between, f"{shown[-1]} and above")

    def bins(self, values: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the bin of each value, from 0."""
        found: NDArray[np.int64] = np.digitize(values, self.edges).astype(np.int64)
        return found

    def scaled(self, values: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return values as models are trained on them."""
        return ((values - self.mean) / self.deviation).astype(np.float32)

    def unscaled(self, outputs: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return a model's outputs in the unit of the values."""
        return outputs.astype(np.float64) * self.deviation + self.mean


def quantile_bins(values: ArrayLike, bins: int) -> Regression:
    """Return a regression whose ``bins`` hold about equally many of ``values`` ``(n,)``, fewer where values repeat.

    Raises :class:`InputError` if all values are the same or one is not finite.
    """
    known = np.asarray(values, np.float64)
    if not np.isfinite(known).all():
        raise InputError("the values to be predicted hold NaN or infinite ones: replace or drop them")
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins))
    edges = edges[edges > known.min()]
    if not len(edges):
        raise InputError("the values to be predicted are all but the same: there is nothing to learn, or too few bins")
    return Regression(tuple(edges.tolist()))
