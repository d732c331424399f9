"""Logit adjustment by each client's own prior, fixed or running (FedYoYo, ICCV 2025)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from astraea.balance.losses.base import ClassView, Loss, client_counts, corrected, effective_log_prior, with_unheld

__all__ = ["LocalPrior", "RunningPrior"]

_EPSILON = 1e-9


class LocalPrior(Loss, name="local-prior"):
    """Logit adjustment by the client's own class prior."""

    takes_prior: ClassVar[bool] = True

    tau: float = Field(1.0, ge=0, allow_inf_nan=False, description="Strength of the correction.")

    def score_prior(self, prior: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return even shares where ``tau`` is 1: the correction takes the prior out of the logits."""
        return corrected(prior, self.tau)

    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Return the mean cross-entropy of ``logits + tau * log(pi_k + 1e-9)``, pi_k being the client's own prior.

        Menon et al. (ICLR 2021) on the data that the client really trains on: local skew and global imbalance are
        corrected together, and classes that the client lacks are as good as left out of its softmax; those that nobody
        holds, where the prior tells which they are, count as average ones.
        Raises :class:`InputError` without the client's histogram.
        """
        own = _distribution(classes)
        return functional.cross_entropy(logits + self.tau * (own + _EPSILON).log(), targets)


class RunningPrior(Loss, name="running-prior"):
    """Logit adjustment by a prior that moves, in each visit, from the global one to the client's own."""

    reads_prior: ClassVar[bool] = True

    tau: float = Field(1.5, ge=0, allow_inf_nan=False, description="Strength of the correction.")
    prior_rate: float = Field(0.1, ge=0, le=1, description="How far each batch moves the prior to the client's (g).")

    def score_prior(self, prior: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return even shares where ``tau`` is 1: the correction takes the prior out of the logits."""
        return corrected(prior, self.tau)

    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Return the mean cross-entropy of ``logits + log(prior_t ** tau + 1e-9)``.

        The distribution-aware logit adjustment of FedYoYo (Yan et al., ICCV 2025; official code, ``local_train``):
        a visit begins with the global prior, and each batch, before its loss is taken, moves it to
        ``(1 - g) * prior + g * pi_k``. After t batches that is ``(1 - g)^t * prior_0 + (1 - (1 - g)^t) * pi_k``,
        which is computed here, so no state is kept. FedYoYo estimates prior_0 from the spread of features; here it
        is the effective prior. Its self-distillation is not part of the loss.
        Raises :class:`InputError` without a prior or the client's histogram.
        """
        own = _distribution(classes)
        left = (1.0 - self.prior_rate) ** (classes.step + 1)
        prior = left * effective_log_prior(classes).exp() + (1.0 - left) * own
        return functional.cross_entropy(logits + (prior**self.tau + _EPSILON).log(), targets)


def _distribution(classes: ClassView) -> Tensor:
    counts = client_counts(classes)
    return with_unheld(counts / counts.sum(), classes)
