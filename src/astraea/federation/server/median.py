"""The coordinate-wise median of a round's models (Yin et al., ICML 2018)."""

from __future__ import annotations

from torch import Tensor

from astraea.federation.server.gathered import RobustAggregator

__all__ = ["CoordinateMedian"]


class CoordinateMedian(RobustAggregator, name="median"):
    """The median of each number of the model over the chains (Yin et al., ICML 2018)."""

    def combined(self, models: Tensor, start: Tensor) -> Tensor:
        """Return the median of each coordinate, the mean of the middle two where the number of models is even."""
        ordered = models.sort(dim=0).values
        return (ordered[(len(models) - 1) // 2] + ordered[len(models) // 2]) / 2
