"""SCAFFOLD: control variates against client drift (Karimireddy et al., ICML 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from astraea.errors import InputError
from astraea.federation.rule import LocalRule, VisitContext
from astraea.federation.steps import effective_steps

__all__ = ["Scaffold"]


@dataclass(frozen=True)
class Scaffold(LocalRule):
    """Steps along ``g - c_k + c``, in which c_k estimates the client's gradient and c that of all clients.

    SCAFFOLD (Karimireddy et al., ICML 2020, Algorithm 1, option II). After a visit of tau steps the client keeps
    ``c_k+ = c_k - c + (w_start - w) / (a * lr)`` and c gains ``p_k * (c_k+ - c_k)``; both begin at zero. ``a`` is
    tau for plain SGD, as printed; with momentum it is :func:`effective_steps`, the factor by which tau equal
    gradients would have moved the weights. ``p_k`` is the client's share of all ``samples``: 1 / K for clients of
    one size, as printed, and otherwise that of the average that the weights of FedAvg pursue.

    c travels with the model, so that a hand-over costs twice the bytes; within a chain the next client already
    finds it updated. Every client keeps a vector of ``weights`` numbers.
    """

    weights: int = 0
    samples: int = 0
    momentum: float = 0.0

    def shared(self, params: Tensor) -> Mapping[str, Tensor]:
        """Return c = 0."""
        return {"control": params.new_zeros(self.weights)}

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
        moved = effective_steps(steps, self.momentum) * context.lr
        if not moved:
            return context.shared, context.client
        before = context.client.get("control", torch.zeros_like(weights))
        after = before - context.shared["control"] + (context.start - weights) / moved
        share = context.histogram.sum() / self.samples
        return {"control": context.shared["control"] + share * (after - before)}, {"control": after}
