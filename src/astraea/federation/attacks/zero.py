"""A model of zeros."""

from __future__ import annotations

import torch
from torch import Tensor

from astraea.federation.attacks.base import Attack

__all__ = ["Zero"]


class Zero(Attack, name="zero"):
    """A model of zeros is handed on: a change as long as the model."""

    def handed_on(self, before: Tensor, after: Tensor, generator: torch.Generator) -> Tensor:
        """Return zeros."""
        return torch.zeros_like(after)
