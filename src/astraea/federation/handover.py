"""Hand-overs in few bits, with a mediator that holds the model: nothing that rounding loses is lost for good.

A client gets the model rounded to the nearest, since it has nothing that a difference could be taken to. It sends back
the *change* that it made, rounded at random, so that the change is right in expectation. The mediator adds it to the
model as it was before rounding: what one hand-over lost is thereby part of the next, which is error feedback without
anything to remember (Karimireddy et al., ICML 2019; Tang et al., DoubleSqueeze, ICML 2019).

Values that share a scale must be alike. The factors of a normalisation layer are near 1, and beside them all weights of
a convolution would be rounded to 0. So they travel as they are (:func:`in_few_bits`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from astraea.federation.quantisation import Quantised, dequantise, quantise, quantised_bytes

__all__ = ["HandOver", "Ranges", "in_few_bits"]

Ranges = tuple[tuple[int, int], ...]
"""Parts of a vector in their order, each from its first place to before its last, which do not touch."""


def in_few_bits(arrays: Iterable[tuple[str, tuple[int, ...]]]) -> Ranges:
    """Return where in a model's vector the weights lie that travel in few bits, given all by name and shape.

    These are matrices and filters, and the biases of their layers: arrays of the same name up to the last dot. Other
    arrays of one dimension, as those of BatchNorm and LayerNorm, travel as they are, which costs little. A model
    without any matrix travels in few bits as a whole.
    """
    listed = list(arrays)
    layers = {name.rpartition(".")[0] for name, shape in listed if len(shape) > 1} - {""}
    vectors_alone = all(len(shape) < 2 for _, shape in listed)
    found: list[tuple[int, int]] = []
    at = 0
    for name, shape in listed:
        end = at + math.prod(shape)
        if vectors_alone or len(shape) > 1 or name.rpartition(".")[0] in layers:
            begin = found.pop()[0] if found and found[-1][1] == at else at
            found.append((begin, end))
        at = end
    return tuple(found)


@dataclass(frozen=True, slots=True)
class HandOver:
    """How models travel: the numbers of ``params`` that lie in ``parts`` (``None``: all) in so many ``bits`` each.

    Others, as the factors of a normalisation and BatchNorm's statistics, counters and what a local rule sends along
    travel as they are. They are called *buffers* here.
    """

    bits: int
    parts: Ranges | None = None

    def sent(self, params: Tensor) -> Quantised:
        """Return what is sent to a client in place of the weights of the model ``params`` ``(P,)``."""
        return quantise(self._weights(params), self.bits)

    def arriving(self, sent: Quantised, buffers: Tensor) -> Tensor:
        """Return the model ``(P,)`` that a client gets: what was :meth:`sent`, and the ``buffers`` beside it."""
        return self._joined(dequantise(sent).to(buffers.dtype), buffers)

    def change(self, arrived: Tensor, params: Tensor, seed: int) -> Quantised:
        """Return what a client sends back in place of the weights that it made, of the ``params`` ``(P,)``.

        They were ``arrived`` ``(P,)`` before; ``seed`` is that of the rounding.
        """
        made = self._weights(params) - self._weights(arrived)
        return quantise(made, self.bits, torch.Generator().manual_seed(seed))

    def returned(self, arrived: Tensor, change: Quantised, buffers: Tensor) -> Tensor:
        """Return the model ``(P,)`` that a mediator gets from a client that made a ``change`` of ``arrived``."""
        before = self._weights(arrived)
        return self._joined(before + dequantise(change).to(before.dtype), buffers)

    def buffers(self, params: Tensor) -> Tensor:
        """Return what of ``params`` ``(P,)`` travels as it is."""
        if self.parts is None:
            return params[len(params) :]
        ends = [0, *(end for _, end in self.parts)]
        begins = [*(begin for begin, _ in self.parts), len(params)]
        return _together([params[end:begin] for end, begin in zip(ends, begins, strict=True)], params)

    def saved(self, params: Tensor) -> int:
        """Return how many bytes a hand-over has less than ``params`` ``(P,)`` themselves."""
        count = self.count(len(params))
        return count * params.element_size() - quantised_bytes(count, self.bits)

    def count(self, size: int) -> int:
        """Return how many of the ``size`` numbers of ``params`` travel in few bits."""
        return size if self.parts is None else sum(end - begin for begin, end in self.parts)

    def _weights(self, params: Tensor) -> Tensor:
        """Return the numbers of ``params`` ``(P,)`` that travel in few bits."""
        return params if self.parts is None else _together([params[begin:end] for begin, end in self.parts], params)

    def _joined(self, weights: Tensor, buffers: Tensor) -> Tensor:
        """Return the model ``(P,)`` whose parts these are."""
        if self.parts is None:
            return weights
        pieces, at = [], 0
        for begin, end in self.parts:
            beside, buffers = buffers[: begin - at], buffers[begin - at :]
            within, weights = weights[: end - begin], weights[end - begin :]
            pieces += [beside, within]
            at = end
        return torch.cat([*pieces, buffers])


def _together(pieces: list[Tensor], like: Tensor) -> Tensor:
    """Return pieces of a vector as one, without a copy where only one of them holds anything."""
    held = [piece for piece in pieces if len(piece)]
    return torch.cat(held) if len(held) > 1 else held[0] if held else like[:0]
