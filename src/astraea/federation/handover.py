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

from astraea.federation.quantisation import dequantise, quantise, quantised_bytes

__all__ = ["HandOver"]


@dataclass(frozen=True, slots=True)
class HandOver:
    """How models travel: the first ``weights`` numbers of ``params`` (``None``: all) in so many ``bits`` each.

    Floating buffers after them, as BatchNorm's statistics, counters and what a local rule sends along travel as they
    are.
    """

    bits: int
    weights: int | None = None

    def arriving(self, params: Tensor) -> Tensor:
        """Return what a client gets of the model ``params`` ``(P,)``."""
        weights = params[: self.weights]
        return self._with_buffers(dequantise(quantise(weights, self.bits)), params)

    def returned(self, arrived: Tensor, params: Tensor, seed: int) -> Tensor:
        """Return what a mediator gets from a client that made ``params`` ``(P,)`` of ``arrived``.

        ``seed`` is that of the rounding.
        """
        before = arrived[: self.weights]
        change = quantise(params[: self.weights] - before, self.bits, torch.Generator().manual_seed(seed))
        return self._with_buffers(before + dequantise(change).to(before.dtype), params)

    def saved(self, params: Tensor) -> int:
        """Return how many bytes a hand-over has less than ``params`` ``(P,)`` themselves."""
        weights = params[: self.weights]
        return weights.numel() * weights.element_size() - quantised_bytes(weights.numel(), self.bits)

    def _with_buffers(self, weights: Tensor, params: Tensor) -> Tensor:
        return torch.cat([weights.to(params.dtype), params[len(weights) :]])
