"""A label histogram that says far too much."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.federation.attacks.base import Attack

__all__ = ["LyingHistogram"]


class LyingHistogram(Attack, name="lying-histogram"):
    """A client tells that it holds very many samples of its most frequent class, and trains as others do.

    It wants others to make copies, the class prior to be wrong, and its chain to have all of the weight.
    """

    count: int = Field(10**9, ge=1, description="Samples of the class that it claims to hold.")

    def told(self, histogram: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the histogram with the lie in it."""
        told = histogram.copy()
        told[int(histogram.argmax())] = self.count
        return told
