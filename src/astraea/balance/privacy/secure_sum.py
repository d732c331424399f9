"""The server learns the histogram of all clients, exactly, and of each no more than a noisy one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.balance.privacy.base import HistogramPrivacy, Told
from astraea.balance.privacy.estimate import estimated_histograms
from astraea.balance.privacy.local_dp import with_noise

__all__ = ["SecureSum"]


class SecureSum(HistogramPrivacy, name="secure-sum"):
    """The server learns the sum of all counts, and no client's; mediators go by histograms with noise.

    Copies and priors follow the sum, which is exact, and who shares a mediator what each client tells beside it: its
    histogram with two-sided geometric noise, as with local-dp. A run says what this comes to; ``astraea.flower`` has
    the protocol by which a real server learns no more.
    """

    epsilon: float = Field(
        1.0,
        ge=0,
        le=20,
        allow_inf_nan=False,
        description="ε of the noisy histogram that a client tells beside the sum: with 0 it tells none, and mediators "
        "are as good as random.",
    )

    def told(self, histograms: NDArray[np.int64], rng: np.random.Generator) -> Told:
        """Return what the server makes of the sum and the noisy histograms; this simulation's noise is ``rng``'s."""
        counts = histograms.sum(axis=0)
        noisy = with_noise(histograms, self.epsilon, rng) if self.epsilon else np.zeros_like(histograms)
        return Told(estimated_histograms(noisy, self.epsilon, counts), counts, self.epsilon)
