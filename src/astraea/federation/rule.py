"""What a client does in a visit beyond plain SGD: the seam for FedProx, SCAFFOLD, prior-aware losses and more.

A rule is pure: it holds settings only, and everything that varies comes as an argument. So one rule serves
any number of clients at once, in any process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from astraea.balance.losses import ClassView, Loss

__all__ = ["LocalRule", "VisitContext"]


@dataclass(frozen=True, slots=True)
class VisitContext:
    """What a rule may look at during a visit.

    ``start``: trainable weights at the begin of the visit, shape ``(W,)``; ``shared``: what travels with the
    model; ``client``: what this client kept from its earlier visits; ``log_prior``: of the effective class
    prior, ``(N,)``, or ``None``; ``lr``: learning rate of the round; ``histogram``: of the labels that the client
    trains on in an epoch, ``(N,)``, or ``None`` where nobody counted them; ``step``: optimiser steps that this
    visit has taken so far.
    """

    start: Tensor
    shared: Mapping[str, Tensor]
    client: Mapping[str, Tensor]
    log_prior: Tensor | None
    lr: float
    histogram: Tensor | None = None
    step: int = 0


@dataclass(frozen=True)
class LocalRule:
    """Plain mini-batch descent on ``loss``; a subclass overrides what it does differently."""

    loss: Loss
    uses_prior: bool = False

    def shared(self, params: Tensor) -> Mapping[str, Tensor]:
        """Return what travels with the model of ``params`` ``(P,)`` from the first round on.

        In each round the changes that the chains make to it add up.
        """
        return {}

    def objective(self, logits: Tensor, targets: Tensor, context: VisitContext) -> Tensor:
        """Return the scalar whose gradient the batch gives."""
        return self.loss(logits, targets, ClassView(context.log_prior, context.histogram, context.step))

    def gradient(self, gradient: Tensor, weights: Tensor, context: VisitContext) -> Tensor:
        """Return the gradient to step along, shape ``(W,)``; called after each backward pass."""
        return gradient

    def finish(
        self, weights: Tensor, steps: int, context: VisitContext
    ) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Return, after ``steps`` steps, what travels on with the model and what the client keeps."""
        return context.shared, context.client
