"""Squared error: the loss of a regression."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from astraea.balance.losses.base import ClassView, Loss

__all__ = ["SquaredError"]


class SquaredError(Loss, name="squared-error"):
    """Mean squared error, for data whose labels are numbers to be predicted; the model gives one output."""

    regression: ClassVar[bool] = True

    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Return the mean squared error of outputs ``(B, 1)``; nothing about the classes matters."""
        return functional.mse_loss(logits.squeeze(1), targets.to(logits.dtype))
