"""Local differential privacy of label histograms: each client adds noise before it tells anything."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.balance.privacy.base import HistogramPrivacy, Told
from astraea.balance.privacy.geometric import Below, two_sided_geometric

__all__ = ["LocalDP", "nearest_counts", "noisy_counts"]


class LocalDP(HistogramPrivacy, name="local-dp"):
    """Two-sided geometric noise on every count, at the client.

    Histograms of a client with one sample more or less differ by 1 in one count, so noise of scale 1/ε makes what is
    told ε-differentially private; for one sample *replaced* by another it is 2ε. Each telling costs ε anew.
    """

    epsilon: float = Field(
        1.0, gt=0, le=20, allow_inf_nan=False, description="ε of one telling; 1 is strong, 10 is weak."
    )

    def told(self, histograms: NDArray[np.int64], rng: np.random.Generator) -> Told:
        """Return what each client tells; the noise of this simulation comes from ``rng``."""

        def below(bound: int) -> int:
            return int(rng.integers(bound))

        told = np.stack([noisy_counts(row, self.epsilon, below) for row in histograms])
        return Told(told, told.sum(axis=0), self.epsilon)


def noisy_counts(counts: NDArray[np.int64], epsilon: float, below: Below) -> NDArray[np.int64]:
    """Return class counts ``(N,)`` with noise, as counts again: none is negative, and at least one sample is there.

    ``epsilon`` is taken as the decimal number that it is written as. A client should draw from its operating system:
    ``below=secrets.randbelow``. What follows the noise reads nothing but the noisy counts, and costs no privacy.
    """
    exact = Fraction(repr(float(epsilon)))
    return nearest_counts(counts + np.array([two_sided_geometric(exact, below) for _ in counts], np.int64))


def nearest_counts(noisy: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the counts of the same total (at least 1) that lie nearest to ``noisy`` ``(N,)``, to within rounding.

    It is the projection onto the simplex (Duchi et al., ICML 2008): noise on classes that nobody holds mostly goes.
    """
    total = max(int(noisy.sum()), 1)
    ordered = np.sort(noisy)[::-1].astype(np.float64)
    levels = (np.cumsum(ordered) - total) / np.arange(1, len(ordered) + 1)
    level = levels[np.flatnonzero(ordered > levels)[-1]]
    shares = np.maximum(noisy - level, 0.0)
    counts: NDArray[np.int64] = np.floor(shares).astype(np.int64)
    left = total - int(counts.sum())
    counts[np.argsort(counts - shares, kind="stable")[:left]] += 1
    return counts
