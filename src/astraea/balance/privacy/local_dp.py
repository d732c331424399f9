"""Local differential privacy of label histograms: each client adds noise before it tells anything."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.balance.privacy.base import HistogramPrivacy, Told
from astraea.balance.privacy.estimate import estimated_histograms, estimated_totals
from astraea.balance.privacy.geometric import Below, two_sided_geometric

__all__ = ["LocalDP", "believed", "noisy_counts", "with_noise"]


class LocalDP(HistogramPrivacy, name="local-dp"):
    """Two-sided geometric noise on every count, at the client.

    Histograms of a client with one sample more or less differ by 1 in one count, so noise of scale 1/ε makes what is
    told ε-differentially private; for one sample *replaced* by another it is 2ε. Each telling costs ε anew.
    """

    epsilon: float = Field(
        1.0, gt=0, le=20, allow_inf_nan=False, description="ε of one telling; 1 is strong, 10 is weak."
    )

    def told(self, histograms: NDArray[np.int64], rng: np.random.Generator) -> Told:
        """Return what the server makes of what clients tell; the noise of this simulation comes from ``rng``."""
        rows = believed(with_noise(histograms, self.epsilon, rng), self.epsilon)
        return Told(rows, rows.sum(axis=0), self.epsilon)


def believed(noisy: NDArray[np.int64], epsilon: float) -> NDArray[np.int64]:
    """Return the histograms ``(K, N)`` as which a server takes counts with noise: it reads nothing else."""
    return estimated_histograms(noisy, epsilon, estimated_totals(noisy, epsilon))


def noisy_counts(counts: NDArray[np.int64], epsilon: float, below: Below) -> NDArray[np.int64]:
    """Return class counts ``(N,)`` with noise, which may be negative.

    ``epsilon`` is taken as the decimal number that it is written as. A client should draw from its operating system:
    ``below=secrets.randbelow``.
    """
    exact = Fraction(repr(float(epsilon)))
    return counts + np.array([two_sided_geometric(exact, below) for _ in counts], np.int64)


def with_noise(histograms: NDArray[np.int64], epsilon: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return what clients of ``histograms`` ``(K, N)`` would tell, with noise from ``rng``: a simulation."""

    def below(bound: int) -> int:
        return int(rng.integers(bound))

    return np.stack([noisy_counts(row, epsilon, below) for row in histograms])
