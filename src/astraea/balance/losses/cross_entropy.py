"""Cross-entropy: the loss of FedAvg and of both Astraea papers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from astraea.balance.losses.base import ClassView, Loss

__all__ = ["CrossEntropy"]


class CrossEntropy(Loss, name="cross-entropy"):
    """Plain cross-entropy: the loss of FedAvg and of both Astraea papers."""

    def score_prior(self, prior: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return ``prior``: the softmax is a probability at it."""
        return prior

    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Return the mean cross-entropy of ``logits`` ``(B, N)``; nothing about the classes matters."""
        return functional.cross_entropy(logits, targets)
