"""Centred clipping of a round's changes (Karimireddy, He & Jaggi, ICML 2021)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from astraea.federation.server.gathered import RobustAggregator

__all__ = ["CentredClipping"]


class CentredClipping(RobustAggregator, name="centred-clipping"):
    """The mean of the changes, each shortened to a radius around the last guess (Karimireddy et al., ICML 2021).

    Nothing is dropped. The radius is in medians of the distances, so that no scale has to be known.
    """

    radius: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="Radius, in medians of the chains' distances from the guess."
    )
    iterations: int = Field(3, ge=1, description="Guesses, the first being the model that the round began with.")

    def combined(self, models: Tensor, start: Tensor) -> Tensor:
        """Return the last of the guesses ``v + mean(min(1, radius / |w - v|) (w - v))``."""
        guess = start
        for _ in range(self.iterations):
            away = models - guess
            lengths = torch.linalg.vector_norm(away, dim=1, dtype=torch.float64)
            bound = self.radius * lengths.quantile(0.5)
            factors = (bound / lengths.where(lengths > 0, bound)).clamp(max=1.0).nan_to_num(1.0)
            guess = guess + (away * factors[:, None].to(away.dtype)).mean(dim=0)
        return guess
