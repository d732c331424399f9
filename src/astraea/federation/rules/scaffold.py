"""SCAFFOLD: control variates against client drift (Karimireddy et al., ICML 2020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

import torch
from torch import Tensor

from astraea.balance.losses import ClassView, Loss
from astraea.errors import InputError
from astraea.federation.rule import Facts, LocalRule, VisitContext
from astraea.federation.steps import effective_steps

__all__ = ["Scaffold"]


class Scaffold(LocalRule, name="scaffold"):
    """Control variates against client drift; twice the traffic, SGD only (Karimireddy et al., ICML 2020).

    Steps along ``g - c_k + c``, in which c_k estimates the client's gradient and c that of all clients.

    SCAFFOLD (Karimireddy et al., ICML 2020, Algorithm 1, option II). After a visit of tau steps the client keeps
    ``c_k+ = c_k - c + (w_start - w) / (a * lr)`` and c gains ``p_k * (c_k+ - c_k)``; both begin at zero. ``a`` is
    tau for plain SGD, as printed; with momentum it is :func:`effective_steps`, the factor by which tau equal
    gradients would have moved the weights. ``p_k`` is the client's share of all ``samples``: 1 / K for clients of
    one size, as printed, and otherwise that of the average that the weights of FedAvg pursue.

    c travels with the model, so that a hand-over costs twice the bytes; within a chain the next client already
    finds it updated. Every client keeps a vector of ``weights`` numbers.
    """

    def bound(self, loss: Loss | Callable[[Tensor, Tensor, ClassView], Tensor], facts: Facts | None = None) -> Self:
        """Return the rule with its loss. Raises :class:`InputError` for an optimiser that hides the gradients."""
        if facts is not None and (facts.optimizer != "SGD" or facts.options):
            raise InputError(
                f"train.rule 'scaffold' reads gradients from displacements, which optimiser {facts.optimizer} with "
                f"options {dict(facts.options)} hides: set train.optimizer to 'SGD' without options"
            )
        return super().bound(loss, facts)

    def shared(self, params: Tensor) -> Mapping[str, Tensor]:
        """Return c = 0."""
        return {"control": params.new_zeros(self.facts.weights)}

    def gradient(self, gradient: Tensor, weights: Tensor, context: VisitContext) -> Tensor:
        """Return the corrected gradient, shape ``(..., W)``."""
        corrected = gradient + context.shared["control"]
        return corrected - context.client["control"] if "control" in context.client else corrected

    def finish(
        self, weights: Tensor, steps: int, context: VisitContext
    ) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Return c with this client's change, and c_k+.

        Raises :class:`InputError` if nobody counted the client's samples.
        """
        if context.histogram is None:
            raise InputError("SCAFFOLD needs the number of the client's samples, and its histogram is not known")
        moved = effective_steps(steps, self.facts.momentum) * context.lr
        if not moved:
            return context.shared, context.client
        before = context.client.get("control", torch.zeros_like(weights))
        after = before - context.shared["control"] + (context.start - weights) / moved
        share = context.histogram.sum() / self.facts.samples
        return {"control": context.shared["control"] + share * (after - before)}, {"control": after}
