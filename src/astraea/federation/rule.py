"""What a client does in a visit beyond plain SGD: the seam for FedProx, SCAFFOLD, prior-aware losses and more.

A rule is pure: it holds its settings, its loss and facts of the federation, and everything that varies comes as an
argument. So one rule serves any number of clients at once, in any process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from pydantic import PrivateAttr
from torch import Tensor

from astraea.balance.losses import ClassView, CrossEntropy, Loss
from astraea.parts import Part

__all__ = ["Facts", "LocalRule", "VisitContext"]


@dataclass(frozen=True, slots=True)
class VisitContext:
    """What a rule may look at during a visit.

    ``start``: trainable weights at the begin of the visit, shape ``(W,)``; ``shared``: what travels with the
    model; ``client``: what this client kept from its earlier visits; ``log_prior``: of the effective class
    prior, ``(N,)``, or ``None``; ``lr``: learning rate of the round; ``histogram``: of the labels that the client
    trains on in an epoch, ``(N,)``, or ``None`` where nobody counted them; ``step``: optimiser steps that this
    visit has taken so far. A rule that reads features finds those of the batch in ``features`` ``(B, d)``, and what it
    made of all of the client's samples, before the visit trained, in ``prepared``.
    """

    start: Tensor
    shared: Mapping[str, Tensor]
    client: Mapping[str, Tensor]
    log_prior: Tensor | None
    lr: float
    histogram: Tensor | None = None
    step: int = 0
    features: Tensor | None = None
    prepared: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rule may know of the federation.

    Trainable ``weights`` of the model, ``samples`` of all clients (0 where clients are
    not told, as by a strategy of Flower's), and the clients' ``optimizer``, a class of
    ``torch.optim``, with its ``momentum`` and further ``options``.
    """

    weights: int = 0
    samples: int = 0
    optimizer: str = "SGD"
    momentum: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)


class LocalRule(Part, kind="local rule", default="plain"):
    """Mini-batch descent on a loss; a part overrides what it does differently.

    What was :meth:`bound` to a loss and to the facts of a federation can train.
    """

    views: ClassVar[int] = 1
    """How often the model is shown each sample of a batch; each time is one sample processed."""

    reads_features: ClassVar[bool] = False
    """Whether the objective looks at what enters the model's final layer; such visits run one by one."""

    _loss: Callable[[Tensor, Tensor, ClassView], Tensor] = PrivateAttr(default_factory=CrossEntropy)
    _facts: Facts = PrivateAttr(default_factory=Facts)

    def bound(self, loss: Loss | Callable[[Tensor, Tensor, ClassView], Tensor], facts: Facts | None = None) -> Self:
        """Return the rule with its loss in the federation of ``facts``.

        Raises :class:`InputError` where it does not go with them.
        """
        bound = self.model_copy()
        bound._loss, bound._facts = loss, facts or Facts()
        return bound

    @property
    def facts(self) -> Facts:
        """The federation that the rule is bound to."""
        return self._facts

    @property
    def needs_prior(self) -> bool:
        """Whether the effective class prior must be known."""
        return bool(getattr(self._loss, "reads_prior", False))

    @property
    def uses_prior(self) -> bool:
        """Whether the effective class prior is read, if it is known."""
        return self.needs_prior or bool(getattr(self._loss, "takes_prior", False))

    def shared(self, params: Tensor) -> Mapping[str, Tensor]:
        """Return what travels with the model of ``params`` ``(P,)`` from the first round on.

        In each round the changes that the chains make to it add up.
        """
        return {}

    def shown(self, inputs: Tensor, vary: Callable[[Tensor, float], Tensor]) -> Tensor:
        """Return what the model is shown of a batch ``(B, *sample)``: ``views`` batches one after another.

        ``vary(samples, strength)`` returns random variations, 1 being as strong as those of copies. A rule with more
        than one view overrides this; its objective gets the logits of all views, and the targets once.
        """
        return inputs

    def prepare(self, features: Tensor, targets: Tensor, context: VisitContext) -> Mapping[str, Tensor]:
        """Return what the objective is to know of the client's samples: see :class:`VisitContext`.

        ``features`` ``(n, d)`` are those that the model gives for them as it arrived, samples as they are. Called once
        a visit, where a rule reads features; this pass without gradients is not counted as samples processed.
        """
        return {}

    def objective(self, logits: Tensor, targets: Tensor, context: VisitContext) -> Tensor:
        """Return the scalar whose gradient the batch gives."""
        return self._loss(logits, targets, ClassView(context.log_prior, context.histogram, context.step))

    def gradient(self, gradient: Tensor, weights: Tensor, context: VisitContext) -> Tensor:
        """Return the gradient to step along, shape ``(W,)``; called after each backward pass."""
        return gradient

    def finish(
        self, weights: Tensor, steps: int, context: VisitContext
    ) -> tuple[Mapping[str, Tensor], Mapping[str, Tensor]]:
        """Return, after ``steps`` steps, what travels on with the model and what the client keeps."""
        return context.shared, context.client
