"""NaN in the place of a model."""

from __future__ import annotations

import torch
from torch import Tensor

from astraea.federation.attacks.base import Attack

__all__ = ["NotANumber"]


class NotANumber(Attack, name="nan"):
    """NaN is handed on."""

    def handed_on(self, before: Tensor, after: Tensor, generator: torch.Generator) -> Tensor:
        """Return NaN."""
        return torch.full_like(after, torch.nan)
