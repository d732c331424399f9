"""Random numbers in the place of a model."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from astraea.federation.attacks.base import Attack

__all__ = ["Garbage"]


class Garbage(Attack, name="garbage"):
    """Random numbers are handed on."""

    scale: float = Field(1.0, gt=0, description="Their standard deviation.")

    def handed_on(self, before: Tensor, after: Tensor, generator: torch.Generator) -> Tensor:
        """Return normal numbers."""
        return self.scale * torch.randn(after.shape, generator=generator).to(after)
