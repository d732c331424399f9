"""Logit adjustment by one prior for all clients (Menon et al., ICLR 2021)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from astraea.balance.losses.base import ClassView, Loss, corrected, effective_log_prior

__all__ = ["LogitAdjusted"]


class LogitAdjusted(Loss, name="logit-adjusted"):
    """Logit adjustment by the effective class prior, one for all clients (Menon et al., ICLR 2021)."""

    reads_prior: ClassVar[bool] = True

    tau: float = Field(1.0, ge=0, allow_inf_nan=False, description="Strength of the correction; 0 is cross-entropy.")

    def score_prior(self, prior: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return even shares where ``tau`` is 1: the correction takes the prior out of the logits."""
        return corrected(prior, self.tau)

    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Return the mean cross-entropy of ``logits + tau * log_prior``; a model is then used without the offset.

        ``logits`` has shape ``(B, N)``, ``targets`` ``(B,)``; the prior is the effective one. The logit-adjusted
        loss of Menon et al. (ICLR 2021), with ``tau`` 1 the balanced softmax of Ren et al. (NeurIPS 2020). A class
        that nobody holds has the prior of an average one. Raises :class:`InputError` without a prior.
        """
        return functional.cross_entropy(logits + self.offset(classes), targets)

    def offset(self, classes: ClassView) -> Tensor:
        """Return what is added to the logits, shape ``(N,)``."""
        return self.tau * effective_log_prior(classes)
