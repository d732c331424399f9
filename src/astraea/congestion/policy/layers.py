"""Layers of a network in integers, so that a simulator and a kernel get the same bits.

Activations are counts of 1/1024, weights and biases of ``1 / 2**shift``. They lie in one flat array: of each layer the
matrix, row by row, then the biases. Between the layers a leaky rectifier.
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.fixed_point import SHIFT, clip
from astraea.congestion.connection.record import Ints

__all__ = ["MOST_LAYERS", "MOST_WEIGHTS", "WIDEST", "propagate"]

WIDEST = 32
"""The widest layer that is allowed: with so many inputs, and weights of 32 bits, nothing overflows."""

MOST_LAYERS, MOST_WEIGHTS = 3, 2048
"""What a kernel's program has room for."""

_MOST = 1 << 20  # of a layer's outputs: about 1,000


@inlined
def propagate(p: Ints, at: int, widths: Ints, room: Ints, shift: int, leak: int) -> int:
    """Let what lies in ``room[0]`` go through the layers whose weights begin at ``p[at]``; return where the end lies.

    ``widths`` are those of all layers, the inputs' first; ``room`` is int64 of shape ``(2, largest width)``. What is
    negative is multiplied by ``leak`` / 1024 between the layers.
    """
    for layer in range(len(widths) - 1):
        into, out = widths[layer], widths[layer + 1]
        old, new = layer & 1, 1 - (layer & 1)
        biases = at + into * out
        for i in range(out):
            total = p[biases + i] << SHIFT
            for j in range(into):
                total += p[at + i * into + j] * room[old, j]
            total >>= shift
            if total < 0 and layer < len(widths) - 2:
                total = (total * leak) >> SHIFT
            room[new, i] = clip(total, -_MOST, _MOST)
        at = biases + out
    return (len(widths) - 1) & 1
