"""The loss that is left to the algorithm."""

from __future__ import annotations

from torch import Tensor

from astraea.balance.losses.base import ClassView, Loss
from astraea.errors import InputError

__all__ = ["AutoLoss"]


class AutoLoss(Loss, name="auto"):
    """What the algorithm's recipe says: running-prior with tau 1 for Astraea, cross-entropy for the others."""

    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Raise :class:`InputError`: a recipe must have decided before."""
        raise InputError("the loss is 'auto', and no algorithm has decided it: name one")
