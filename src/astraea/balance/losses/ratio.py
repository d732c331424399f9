"""Ratio loss: rare classes weigh more (Wang et al., AAAI 2021)."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from astraea.balance.losses.base import ClassView, Loss, known_log_prior

__all__ = ["Ratio"]

_MOST = 5000.0


class Ratio(Loss, name="ratio"):
    """Cross-entropy in which rare classes weigh more (Wang et al., AAAI 2021)."""

    reads_prior: ClassVar[bool] = True

    ratio_weight: float = Field(
        0.1,
        ge=0,
        allow_inf_nan=False,
        description="How much more a class weighs for each time that it is rarer than the average.",
    )

    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Return the mean over the batch of ``(1 + ratio_weight * R_y) * cross-entropy``.

        Addressing Class Imbalance in Federated Learning (Wang et al., AAAI 2021): ``(alpha + beta * R_y) * CE`` with
        alpha 1 and beta 0.1, R_y at most 5000 as in the authors' code. The paper's server cannot see labels and
        infers R_y, how little class y has been trained compared with the others, from the gradients of auxiliary
        samples of every class. Here the server knows the histograms, so no auxiliary set is needed: R_y is
        ``1 / (N * prior_y)``, how much rarer than the average of the N classes that somebody holds y is by the
        effective prior. A balanced prior weighs every class 1.1. The weights are not normalised, as in the paper.
        Raises :class:`InputError` without a prior.
        """
        log_prior = known_log_prior(classes)
        held = torch.isfinite(log_prior).sum().to(torch.float64)
        rarity = (-log_prior - held.log().to(log_prior)).exp().clamp(max=_MOST)
        losses = functional.cross_entropy(logits, targets, reduction="none")
        return ((1.0 + self.ratio_weight * rarity[targets]) * losses).mean()
