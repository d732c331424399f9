"""Binary cross-entropy: the loss where samples have several labels."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor
from torch.nn import functional

from astraea.balance.losses.base import ClassView, Loss

__all__ = ["BinaryCrossEntropy"]


class BinaryCrossEntropy(Loss, name="binary-cross-entropy"):
    """Cross-entropy of each label by itself, for samples with several; the model gives one logit a label."""

    several: ClassVar[bool] = True

    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Return the mean over the batch and the labels of logits ``(B, N)`` and targets ``(B, N)`` of 0 and 1."""
        return functional.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype))
