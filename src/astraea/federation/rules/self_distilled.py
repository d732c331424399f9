"""Self-distillation: a sample as it is teaches the model about a varied view of it (FedYoYo, ICCV 2025)."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from astraea.federation.rule import LocalRule, VisitContext

__all__ = ["SelfDistilled"]


class SelfDistilled(LocalRule, name="self-distilled"):
    """Self-distillation: the model's answer to a sample teaches its answer to a varied view of the same sample.

    The augmented self-bootstrap distillation of FedYoYo (Yan et al., ICCV 2025; official code, ``local_train``). A
    batch is shown twice, as it is and varied, and the loss is taken of both. Where the answer to the first is right,
    the second is drawn towards it: Kullback-Leibler divergence of the two softmaxes at temperature T, mean over the
    samples that were answered right. Every sample counts as two processed, and nothing travels but the model.

    With the loss ``running-prior`` it is FedYoYo, but for three things. Theirs varies with random crops and a learned
    policy of colours, here views are varied by ``balance.transforms``. Theirs distils adjusted logits, here the
    model's own are. Theirs lets the weight grow over the first 50 of 300 rounds, here it stays the same.
    """

    views: ClassVar[int] = 2

    weight: float = Field(1.5, ge=0, allow_inf_nan=False, description="Weight of the distillation (λ).")
    temperature: float = Field(1.5, gt=0, allow_inf_nan=False, description="Softens both answers (T).")
    strength: float = Field(2.0, ge=0, le=4, description="How strongly the second view is varied, 1 as a copy is.")

    def shown(self, inputs: Tensor, vary: Callable[[Tensor, float], Tensor]) -> Tensor:
        """Return the batch as it is, and after it the same samples varied: ``(2B, *sample)``."""
        return torch.cat([inputs, vary(inputs, self.strength)])

    def objective(self, logits: Tensor, targets: Tensor, context: VisitContext) -> Tensor:
        """Return the loss of both views and the distillation, for logits ``(2B, N)`` and targets ``(B,)``."""
        plain = super().objective(logits, targets.repeat(2), context)
        teacher, student = logits.detach().chunk(2)[0], logits.chunk(2)[1]
        right = (teacher.argmax(dim=1) == targets).to(logits)
        soft = functional.log_softmax(student / self.temperature, dim=1)
        known = functional.softmax(teacher / self.temperature, dim=1)
        apart = functional.kl_div(soft, known, reduction="none").sum(dim=1)
        return plain + self.weight * (right * apart).sum() / right.sum().clamp(min=1)
