"""The honest change, turned round."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from astraea.federation.attacks.base import Attack

__all__ = ["SignFlip"]


class SignFlip(Attack, name="sign-flip"):
    """The honest change is turned round, and lengthened."""

    factor: float = Field(1.0, gt=0, description="Length of the change, in honest ones: at 1 no norm gives it away.")

    def handed_on(self, before: Tensor, after: Tensor, generator: torch.Generator) -> Tensor:
        """Return ``before - factor (after - before)``."""
        return before - self.factor * (after - before)
