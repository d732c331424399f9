"""Quantised hand-overs: a vector in few bits a value, and the bytes that this takes.

A block of values is sent as whole multiples of its largest magnitude over ``2**(bits - 1) - 1``. Rounded at random in
proportion to the distance (QSGD, Alistarh et al., NeurIPS 2017), what arrives is right in expectation; rounded to the
nearest it is at most half a step off.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from astraea.errors import InputError

__all__ = ["BITS", "BLOCK", "Quantised", "dequantise", "quantise", "quantised_bytes"]

BITS = (2, 4, 8)
"""Bits that a value may take: as many values as fit share a byte."""

BLOCK = 1024
"""Values that share a scale, so that one large weight does not blur all others; it costs 4 bytes."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """What is sent in place of ``length`` values.

    ``codes`` ``(ceil(length * bits / 8),)`` uint8, the first value of a byte in its lowest bits; ``scales``
    ``(ceil(length / BLOCK),)`` float32, the largest magnitude of each block.
    """

    codes: Tensor
    scales: Tensor
    length: int
    bits: int

    @property
    def bytes(self) -> int:
        """Size of the hand-over in bytes."""
        return sum(tensor.numel() * tensor.element_size() for tensor in (self.codes, self.scales))


def quantise(values: Tensor, bits: int = 8, generator: torch.Generator | None = None) -> Quantised:
    """Return ``values`` ``(P,)`` in ``bits`` bits each: rounded to the nearest, or at random by a ``generator``.

    Raises :class:`InputError` for other numbers of bits and for values that are not finite.
    """
    if bits not in BITS:
        raise InputError(f"a value cannot be sent in {bits} bits: use one of {', '.join(map(str, BITS))}")
    if not bool(torch.isfinite(values).all()):
        raise InputError("a model with values that are not finite cannot be quantised: lower train.lr")
    whole = _blocks(values.to(torch.float32))
    scales = whole.abs().amax(dim=1)
    most = 2 ** (bits - 1) - 1
    steps = whole / torch.where(scales > 0, scales, 1.0)[:, None] * most
    if generator is None:
        steps = steps.round()
    else:
        chance = torch.rand(steps.shape, generator=generator, device=generator.device).to(steps.device)
        steps = (steps + chance).floor().clamp(-most, most)
    codes = (steps + most).to(torch.uint8).flatten()[: len(values)]
    return Quantised(_packed(codes, bits), scales, len(values), bits)


def dequantise(sent: Quantised) -> Tensor:
    """Return the values that arrive, shape ``(P,)`` float32: half a step off at most, or one if rounded at random."""
    most = 2 ** (sent.bits - 1) - 1
    steps = _unpacked(sent.codes, sent.bits)[: sent.length].to(torch.float32) - most
    values: Tensor = _blocks(steps) * (sent.scales / most)[:, None]
    return values.flatten()[: sent.length]


def quantised_bytes(length: int, bits: int) -> int:
    """Return the size of :class:`Quantised` for ``length`` values, in bytes."""
    return -(-length * bits // 8) + 4 * -(-length // BLOCK)


def _blocks(values: Tensor) -> Tensor:
    """Return ``values`` ``(P,)`` as rows of ``BLOCK``, the last filled up with zeros."""
    short = -len(values) % BLOCK
    return torch.nn.functional.pad(values, (0, short)).view(-1, BLOCK)


def _packed(codes: Tensor, bits: int) -> Tensor:
    share = 8 // bits
    rows = torch.nn.functional.pad(codes, (0, -len(codes) % share)).view(-1, share)
    packed = torch.zeros(len(rows), dtype=torch.uint8, device=codes.device)
    for place in range(share):
        packed |= rows[:, place] << (bits * place)
    return packed


def _unpacked(packed: Tensor, bits: int) -> Tensor:
    share = 8 // bits
    return torch.stack([(packed >> (bits * place)) & (2**bits - 1) for place in range(share)], dim=1).flatten()
