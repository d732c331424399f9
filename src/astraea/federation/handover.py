"""Hand-overs in few bits, with a mediator that holds the model: nothing that rounding loses is lost for good.

A client gets the model rounded to the nearest, since it has nothing that a difference could be taken to. It sends back
the *change* that it made, rounded at random, so that the change is right in expectation. The mediator adds it to the
model as it was before rounding: what one hand-over lost is thereby part of the next, which is error feedback without
anything to remember (Karimireddy et al., ICML 2019; Tang et al., DoubleSqueeze, ICML 2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from astraea.federation.quantisation import Quantised, dequantise, quantise, quantised_bytes

__all__ = ["HandOver"]


@dataclass(frozen=True, slots=True)
class HandOver:
    """How models travel: the first ``weights`` numbers of ``params`` (``None``: all) in so many ``bits`` each.

    Floating buffers after them, as BatchNorm's statistics, counters and what a local rule sends along travel as they
    are.
    """

    bits: int
    weights: int | None = None

    def sent(self, params: Tensor) -> Quantised:
        """Return what is sent to a client in place of the weights of the model ``params`` ``(P,)``."""
        return quantise(params[: self.weights], self.bits)

    def arriving(self, sent: Quantised, buffers: Tensor) -> Tensor:
        """Return the model ``(P,)`` that a client gets: what was :meth:`sent`, and the ``buffers`` beside it."""
        return torch.cat([dequantise(sent).to(buffers.dtype), buffers])

    def change(self, arrived: Tensor, params: Tensor, seed: int) -> Quantised:
        """Return what a client sends back in place of the weights that it made, of the ``params`` ``(P,)``.

        They were ``arrived`` ``(P,)`` before; ``seed`` is that of the rounding.
        """
        made = params[: self.weights] - arrived[: self.weights]
        return quantise(made, self.bits, torch.Generator().manual_seed(seed))

    def returned(self, arrived: Tensor, change: Quantised, buffers: Tensor) -> Tensor:
        """Return the model ``(P,)`` that a mediator gets from a client that made a ``change`` of ``arrived``."""
        before = arrived[: self.weights]
        return torch.cat([before + dequantise(change).to(before.dtype), buffers])

    def buffers(self, params: Tensor) -> Tensor:
        """Return what of ``params`` ``(P,)`` travels as it is."""
        return params[len(params) if self.weights is None else self.weights :]

    def saved(self, params: Tensor) -> int:
        """Return how many bytes a hand-over has less than ``params`` ``(P,)`` themselves."""
        weights = params[: self.weights]
        return weights.numel() * weights.element_size() - quantised_bytes(weights.numel(), self.bits)
