"""Local optimisers as functions of plain tensors: SGD and Adam written out, any other of ``torch.optim`` wrapped.

The two that nearly every federation uses are written out because they then serve one model or many at once
(every operation is elementwise), and because the first optimiser of ``torch.optim`` in a process imports
PyTorch's compiler, which takes longer than many a round. Their arithmetic is that of ``torch.optim``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from astraea.federation.plan import LocalTraining

__all__ = ["Optimizer", "elementwise", "make_optimizer", "optimizer_maker"]


class Optimizer(Protocol):
    """Holds the state of one visit; every call takes one step."""

    def step(self, weights: Tensor, gradient: Tensor) -> None:
        """Change ``weights`` in place along ``gradient``, of the same shape."""
        ...

    def keep(self, rows: int) -> None:
        """Go on with the first ``rows`` of stacked weights only."""
        ...


def make_optimizer(training: LocalTraining) -> Optimizer:
    """Return a fresh optimiser for one visit.

    Weights are a vector, or stacked models, a row each, which step as each would alone.
    Raises what ``torch.optim`` raises for options that it does not take.
    """
    return optimizer_maker(training)()


def optimizer_maker(training: LocalTraining) -> Callable[[], Optimizer]:
    """Return what makes a fresh optimiser for a visit, as :func:`make_optimizer` does, for many visits."""
    if elementwise(training):
        made, _ = _WRITTEN_OUT[training.optimizer]
        return partial(made, training.lr, **training.options)
    return partial(_Wrapped, training)


def elementwise(training: LocalTraining) -> bool:
    """Whether every weight steps by itself, so that the parts of a model may have an optimiser each."""
    _, options = _WRITTEN_OUT.get(training.optimizer, (None, frozenset[str]()))
    return bool(options) and set(training.options) <= options and _plain(training.options)


class _Sgd:
    """Stochastic gradient descent with momentum (Sutskever et al., ICML 2013, in PyTorch's form)."""

    def __init__(
        self,
        lr: float,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        self.lr, self.momentum, self.dampening = lr, momentum, dampening
        self.weight_decay, self.nesterov = weight_decay, nesterov
        self.velocity: Tensor | None = None

    def keep(self, rows: int) -> None:
        self.velocity = None if self.velocity is None else self.velocity[:rows]

    def step(self, weights: Tensor, gradient: Tensor) -> None:
        if self.weight_decay:
            gradient = gradient.add(weights, alpha=self.weight_decay)
        if self.momentum:
            if self.velocity is None:
                self.velocity = gradient.clone()
            else:
                self.velocity.mul_(self.momentum).add_(gradient, alpha=1 - self.dampening)
            gradient = gradient.add(self.velocity, alpha=self.momentum) if self.nesterov else self.velocity
        weights.add_(gradient, alpha=-self.lr)


class _Adam:
    """Adam (Kingma & Ba, ICLR 2015); decoupled, AdamW (Loshchilov & Hutter, ICLR 2019)."""

    decoupled = False
    decay = 0.0

    def __init__(
        self,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float | None = None,
    ) -> None:
        self.lr, self.eps = lr, eps
        self.first, self.second = betas
        self.weight_decay = self.decay if weight_decay is None else weight_decay
        self.steps = 0
        self.mean: Tensor | None = None
        self.square: Tensor | None = None

    def keep(self, rows: int) -> None:
        if self.mean is not None and self.square is not None:
            self.mean, self.square = self.mean[:rows], self.square[:rows]

    def step(self, weights: Tensor, gradient: Tensor) -> None:
        if self.mean is None or self.square is None:
            self.mean, self.square = torch.zeros_like(weights), torch.zeros_like(weights)
        self.steps += 1
        if self.weight_decay and self.decoupled:
            weights.mul_(1 - self.lr * self.weight_decay)
        elif self.weight_decay:
            gradient = gradient.add(weights, alpha=self.weight_decay)
        self.mean.lerp_(gradient, 1 - self.first)
        self.square.mul_(self.second).addcmul_(gradient, gradient, value=1 - self.second)
        spread = (self.square.sqrt() / (1 - self.second**self.steps) ** 0.5).add_(self.eps)
        weights.addcdiv_(self.mean, spread, value=-self.lr / (1 - self.first**self.steps))


class _AdamW(_Adam):
    decoupled = True
    decay = 0.01


class _Wrapped:
    """Any class of ``torch.optim``; stacked weights get one each, as not all treat a row like a vector."""

    def __init__(self, training: LocalTraining) -> None:
        self.training = training
        self.made: list[tuple[nn.Parameter, torch.optim.Optimizer]] = []

    def keep(self, rows: int) -> None:
        self.made = self.made[:rows]

    def step(self, weights: Tensor, gradient: Tensor) -> None:
        rows = weights.detach().view(-1, weights.shape[-1])
        if not self.made:
            kind = getattr(torch.optim, self.training.optimizer)
            for row in rows:
                parameter = nn.Parameter(row)  # shares memory with the weights
                self.made.append((parameter, kind([parameter], lr=self.training.lr, **self.training.options)))
        for (parameter, optimizer), row in zip(self.made, gradient.reshape(rows.shape), strict=True):
            parameter.grad = row
            optimizer.step()


def _plain(options: Mapping[str, Any]) -> bool:
    """Whether options are within what is written out; what PyTorch would refuse is left for it to refuse."""
    nesterov_alone = options.get("nesterov") and (not options.get("momentum") or bool(options.get("dampening")))
    return not nesterov_alone and all(not isinstance(value, Tensor) for value in options.values())


_WRITTEN_OUT: dict[str, tuple[Callable[..., Optimizer], frozenset[str]]] = {
    "SGD": (_Sgd, frozenset({"momentum", "dampening", "weight_decay", "nesterov"})),
    "Adam": (_Adam, frozenset({"betas", "eps", "weight_decay"})),
    "AdamW": (_AdamW, frozenset({"betas", "eps", "weight_decay"})),
}
