"""Focal loss: what is right already counts less (Lin et al., ICCV 2017)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from astraea.balance.losses.base import ClassView, Loss

__all__ = ["Focal"]

_SURE = 1e-6  # below, a root of it would have an infinite slope


class Focal(Loss, name="focal"):
    """Cross-entropy in which samples that are right already count less (Lin et al., ICCV 2017)."""

    gamma: float = Field(2.0, ge=0, allow_inf_nan=False, description="How much less; 0 is cross-entropy.")

    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Return the mean of ``(1 - p_y)**gamma * cross-entropy``, p_y being the probability of the label.

        Focal Loss for Dense Object Detection (Lin et al., ICCV 2017), without the weights alpha of its classes, which
        rebalancing has the place of.
        """
        losses = functional.cross_entropy(logits, targets, reduction="none")
        return ((1.0 - (-losses).exp()).clamp(min=_SURE) ** self.gamma * losses).mean()
