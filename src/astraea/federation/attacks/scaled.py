"""The honest change, many times as long."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from astraea.federation.attacks.base import Attack

__all__ = ["Scaled"]


class Scaled(Attack, name="scaled"):
    """The honest change is made many times as long: the model is carried away."""

    factor: float = Field(100.0, description="Length of the change, in honest ones.")

    def handed_on(self, before: Tensor, after: Tensor, generator: torch.Generator) -> Tensor:
        """Return ``before + factor (after - before)``."""
        return before + self.factor * (after - before)
