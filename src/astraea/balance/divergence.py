"""How far a class distribution is from balanced: the Kullback-Leibler divergence to the uniform one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.balance.histograms import as_counts
from astraea.errors import InputError

__all__ = ["kl_to_uniform"]


def kl_to_uniform(counts: ArrayLike) -> NDArray[np.float64]:
    """Return D_KL(p || uniform) in nats, each row of ``counts`` being proportional to a distribution ``p``.

    ``counts`` has shape ``(..., N)``, integers or floats from 0; the result has shape ``(...)``, a NumPy
    scalar for a single row, and lies between 0 (all classes equal, then exactly 0) and log N (one class).
    The natural logarithm is the one that reproduces the papers' figures; they do not state it.

    Raises :class:`InputError`, a ``ValueError``, for a row without any sample and for what are no counts.
    """
    weights = as_counts(counts, "counts")
    largest = weights.max(axis=-1, keepdims=True)
    if not largest.all():
        raise InputError("a row of counts is all zero, so it has no class distribution: leave empty rows out")
    weights = weights / largest  # neither tiny nor huge counts leave the floating range
    total = weights.sum(axis=-1, keepdims=True)
    to_uniform = weights * weights.shape[-1] / total  # p / (1/N); exactly 1 where all counts are equal
    log_ratio = np.log(to_uniform, out=np.zeros_like(to_uniform), where=to_uniform > 0)
    divergence: NDArray[np.float64] = (weights / total * log_ratio).sum(axis=-1)
    return np.maximum(divergence, 0.0)  # rounding may leave -1e-17
