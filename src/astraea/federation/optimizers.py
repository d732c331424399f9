"""Local optimisers as functions of plain tensors: SGD and Adam written out, any other of ``torch.optim`` wrapped.

The two that nearly every federation uses are written out because they then serve one model or many at once
(every operation is elementwise), and because the first optimiser of ``torch.optim`` in a process imports
PyTorch's compiler, which takes longer than many a round. Their arithmetic is that of ``torch.optim``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from astraea.federation.plan import LocalTraining

__all__ = ["Optimizer", "make_optimizer"]


class Optimizer(Protocol):
    """Holds the state of one visit; every call takes one step."""

    def step(self, weights: Tensor, gradient: Tensor) -> None:
        """Change ``weights`` in place along ``gradient``, of the same shape, which may be overwritten."""
        ...


def make_optimizer(training: LocalTraining) -> Optimizer:
    """Return a fresh optimiser for one visit.

    Weights may be of any shape with SGD, Adam and AdamW: stacked models, a row each, step as each would alone.
    Raises what ``torch.optim`` raises for options that it does not take.
    """
    written_out = _WRITTEN_OUT.get(training.optimizer)
    if written_out is not None:
        made, options = written_out
        if set(training.options) <= options and _plain(training.options):
            return made(training.lr, **training.options)
    return _Wrapped(training)


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

    def step(self, weights: Tensor, gradient: Tensor) -> None:
        if self.weight_decay:
            gradient.add_(weights, alpha=self.weight_decay)
        if self.momentum:
            if self.velocity is None:
                self.velocity = gradient.clone()
            else:
                self.velocity.mul_(self.momentum).add_(gradient, alpha=1 - self.dampening)
            gradient = gradient.add_(self.velocity, alpha=self.momentum) if self.nesterov else self.velocity
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

    def step(self, weights: Tensor, gradient: Tensor) -> None:
        if self.mean is None or self.square is None:
            self.mean, self.square = torch.zeros_like(weights), torch.zeros_like(weights)
        self.steps += 1
        if self.weight_decay and self.decoupled:
            weights.mul_(1 - self.lr * self.weight_decay)
        elif self.weight_decay:
            gradient.add_(weights, alpha=self.weight_decay)
        self.mean.lerp_(gradient, 1 - self.first)
        self.square.mul_(self.second).addcmul_(gradient, gradient, value=1 - self.second)
        spread = (self.square.sqrt() / (1 - self.second**self.steps) ** 0.5).add_(self.eps)
        weights.addcdiv_(self.mean, spread, value=-self.lr / (1 - self.first**self.steps))


class _AdamW(_Adam):
    decoupled = True
    decay = 0.01


class _Wrapped:
    """Any class of ``torch.optim``, on one vector."""

    def __init__(self, training: LocalTraining) -> None:
        self.training = training
        self.optimizer: torch.optim.Optimizer | None = None
        self.parameter: nn.Parameter | None = None

    def step(self, weights: Tensor, gradient: Tensor) -> None:
        if self.optimizer is None or self.parameter is None:
            self.parameter = nn.Parameter(weights.detach())  # shares memory with the weights
            kind = getattr(torch.optim, self.training.optimizer)
            self.optimizer = kind([self.parameter], lr=self.training.lr, **self.training.options)
        self.parameter.grad = gradient
        self.optimizer.step()


def _plain(options: Mapping[str, Any]) -> bool:
    """Whether options are within what is written out; what PyTorch would refuse is left for it to refuse."""
    nesterov_alone = options.get("nesterov") and (not options.get("momentum") or bool(options.get("dampening")))
    return not nesterov_alone and all(not isinstance(value, Tensor) for value in options.values())


_WRITTEN_OUT: dict[str, tuple[Callable[..., Optimizer], frozenset[str]]] = {
    "SGD": (_Sgd, frozenset({"momentum", "dampening", "weight_decay", "nesterov"})),
    "Adam": (_Adam, frozenset({"betas", "eps", "weight_decay"})),
    "AdamW": (_AdamW, frozenset({"betas", "eps", "weight_decay"})),
}
