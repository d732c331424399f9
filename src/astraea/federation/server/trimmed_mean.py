"""The coordinate-wise trimmed mean of a round's models (Yin et al., ICML 2018)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from astraea.federation.server.gathered import RobustAggregator, largest_minority

__all__ = ["TrimmedMean"]


class TrimmedMean(RobustAggregator, name="trimmed-mean"):
    """The mean of each number of the model without its largest and smallest values (Yin et al., ICML 2018)."""

    trim: float = Field(0.2, ge=0, lt=0.5, description="Share of the chains that is left out at either end.")

    @property
    def fewest(self) -> int:
        """Fewest chains of which one is left out at either end; with ``trim`` 0 none ever is, as said."""
        return next((count for count in range(3, 1000) if largest_minority(count, self.trim)), 3)

    def combined(self, models: Tensor, start: Tensor) -> Tensor:
        """Return the mean of the middle values of each coordinate."""
        cut = largest_minority(len(models), self.trim)
        return models.sort(dim=0).values[cut : len(models) - cut].mean(dim=0)
