"""Numbers to be predicted in place of classes; quantile bins of them are what is balanced."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.errors import InputError

__all__ = ["BINS", "TASK", "Regression", "Task", "quantile_bins", "regression_of"]

Task = Literal["auto", "classes", "regression"]
"""Whether labels are classes or numbers to be predicted."""

BINS = 5
TASK = (
    "Whether labels are classes or numbers to be predicted (regression); auto: numbers if they are fractions of more "
    "than 20 different values; many different whole numbers are refused until it is said."
)
_MOST_CLASSES = 20
_FEW_OF_EACH = 10


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


def regression_of(labels: NDArray[np.generic], task: Task, bins: int, called: str = "labels") -> Regression | None:
    """Return how ``labels`` ``(n,)`` are cut if they are numbers to be predicted, and ``None`` if they are classes.

    With the task ``auto``, numbers with a point of more than 20 different values are to be predicted. Raises
    :class:`InputError` for whole numbers that may be either: many, and few samples of each; and for text.
    """
    found = np.unique(labels) if task == "auto" and labels.dtype.kind in "iuf" else labels[:0]
    unlike = len(found)
    if unlike > _MOST_CLASSES and labels.dtype.kind == "f" and np.isfinite(labels).all():
        task = "regression"
    elif unlike > max(_MOST_CLASSES, len(labels) / _FEW_OF_EACH) and not _counts(found):
        raise InputError(
            f"{called} hold {unlike:,} different whole numbers in {len(labels):,} rows, which may be classes or "
            "quantities: set data.task to 'classes', or to 'regression' to predict them"
        )
    if task != "regression":
        return None
    if labels.dtype.kind not in "iuf":
        raise InputError(f"a regression predicts numbers, but {called} hold text: set data.task to 'classes'")
    return quantile_bins(labels, bins)


def _counts(found: NDArray[np.generic]) -> bool:
    """Whether distinct labels, in order, count from 0 or 1 without gaps, as classes do; those with a point do not."""
    return found.dtype.kind == "f" or (int(found[0]) in (0, 1) and int(found[-1]) - int(found[0]) == len(found) - 1)
