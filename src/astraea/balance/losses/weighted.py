"""Class weights: those that are given, or each class by how rare it is."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional

from astraea.balance.losses.base import ClassView, Loss, effective_log_prior, known_log_prior
from astraea.errors import InputError

__all__ = ["Weighted"]


class Weighted(Loss, name="class-weights"):
    """Cross-entropy in which each class has a weight: those given, or in inverse proportion to its samples."""

    takes_prior: ClassVar[bool] = True

    weights: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = Field(
        (),
        description="A weight for each class, in the classes' order; by default 1 / (N π_c), π being the effective "
        "prior and N the classes that somebody holds.",
    )

    @field_validator("weights")
    @classmethod
    def _some(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if weights and not any(weights):
            raise InputError("all weights are 0, so nothing would be trained: give one above 0")
        return weights

    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Return the mean over the batch of ``w_y * cross-entropy``.

        Unlike PyTorch's ``weight=``, the mean is over samples and not over their weights, so that a batch of rare
        classes counts for more. Raises :class:`InputError` if there are not N weights, or a prior is needed and not
        known.
        """
        losses = functional.cross_entropy(logits, targets, reduction="none")
        if self.weights:
            if len(self.weights) != logits.shape[1]:
                raise InputError(f"train.loss.weights has {len(self.weights)} values for {logits.shape[1]} classes")
            return (torch.tensor(self.weights).to(logits)[targets] * losses).mean()
        held = torch.isfinite(known_log_prior(classes)).sum()
        return ((1.0 / (held * effective_log_prior(classes).exp()))[targets] * losses).mean()
