"""Label histograms: a client's class counts, the only thing about its data that leaves it.

Everything that balances (rebalancing, mediators, participation, the effective prior) reads histograms alone.
They change only when a client's data does: they are computed once for a population and passed on as values.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.errors import InputError

__all__ = ["as_counts", "client_histograms", "refuse_empty"]


def client_histograms(
    labels: NDArray[np.int64] | NDArray[np.bool_], clients: Sequence[NDArray[np.int64]], classes: int
) -> NDArray[np.int64]:
    """Return the label histograms, shape ``(K, N)``, of clients that hold ``labels[clients[k]]`` each.

    ``labels`` ``(n, N)`` say of each sample in which classes it counts, where it has several labels.

    Raises :class:`InputError` if one of those labels is not within 0 .. ``classes`` - 1.
    """
    if labels.ndim == 2:
        return np.stack([labels[rows].sum(axis=0, dtype=np.int64) for rows in clients])
    sizes = [len(rows) for rows in clients]
    held = labels[np.concatenate(clients)] if sum(sizes) else np.empty(0, np.int64)
    if len(held) and (held.min() < 0 or held.max() >= classes):
        wrong = held.min() if held.min() < 0 else held.max()
        raise InputError(f"label {wrong} is out of range: with {classes} classes, labels go from 0 to {classes - 1}")
    owner = np.repeat(np.arange(len(clients)), sizes)
    return np.bincount(owner * classes + held, minlength=len(clients) * classes).reshape(len(clients), classes)


def as_counts(counts: ArrayLike, what: str, ndim: int | None = None) -> NDArray[np.float64]:
    """Return ``counts`` as floats after checking that they can be counts; ``what`` names them in the error.

    Raises :class:`InputError` unless they are finite numbers of at least 0 with one or more classes on the
    last axis, and ``ndim`` axes where that is given.
    """
    array = np.asarray(counts)
    if array.dtype.kind not in "biuf":
        raise InputError(f"{what} must be numbers, got {array.dtype}: pass a count for each class")
    if array.ndim == 0 or array.shape[-1] == 0 or (ndim is not None and array.ndim != ndim):
        expected = {None: "(..., classes)", 1: "(classes,)", 2: "(clients, classes)"}[ndim]
        raise InputError(f"{what} have shape {array.shape}: they must have shape {expected}, with at least one class")
    if not np.isfinite(array).all() or (array < 0).any():
        raise InputError(f"{what} hold a negative, infinite or missing value: a count is a number from 0")
    return array.astype(np.float64)


def refuse_empty(histograms: NDArray[np.float64]) -> None:
    """Raise :class:`InputError` if a client, a row of ``histograms`` ``(K, N)``, holds no sample."""
    empty = np.flatnonzero(~histograms.any(axis=1))
    if len(empty):
        others = f" (and {len(empty) - 1} others)" if len(empty) > 1 else ""
        raise InputError(f"client {empty[0]}{others} holds no samples: leave out the clients without data")
