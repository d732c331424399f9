"""Label smoothing: a share of each label goes to all classes (Szegedy et al., CVPR 2016)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from astraea.balance.losses.base import ClassView, Loss

__all__ = ["Smoothed"]


class Smoothed(Loss, name="label-smoothing"):
    """Cross-entropy with labels of which a share goes evenly to all classes (Szegedy et al., CVPR 2016)."""

    smoothing: float = Field(0.1, ge=0, lt=1, description="The share; 0 is cross-entropy.")

    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Return the mean cross-entropy of ``(1 - smoothing)`` at the label and ``smoothing / N`` at every class."""
        return functional.cross_entropy(logits, targets, label_smoothing=self.smoothing)
