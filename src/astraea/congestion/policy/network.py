"""A policy that is a plain network: from a whole observation to one action, as Astraea (EuroSys'24) published it.

Between the layers a leaky rectifier of slope 0.2, after the last the hyperbolic tangent. Weights lie in one flat
array: of each layer the matrix, row by row, then the biases.
"""

from __future__ import annotations

import math

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.fixed_point import ONE
from astraea.congestion.connection.record import Floats, Ints

__all__ = ["SLOPE", "forward"]

SLOPE = 0.2


@inlined
def forward(weights: Floats, widths: Ints, features: Ints, room: Floats) -> float:
    """Return the action in [-1, 1] for ``features`` (in 1/1024).

    ``widths`` are those of all layers, the observation's first and 1 last; ``room`` is float64 of shape
    ``(2, largest width)``.
    """
    for j in range(len(features)):
        room[0, j] = features[j] / ONE
    at = 0
    for layer in range(len(widths) - 1):
        into, out = widths[layer], widths[layer + 1]
        old, new = layer & 1, 1 - (layer & 1)
        biases = at + into * out
        for i in range(out):
            total = weights[biases + i]
            for j in range(into):
                total += weights[at + i * into + j] * room[old, j]
            if layer < len(widths) - 2 and total < 0.0:
                total *= SLOPE
            room[new, i] = total
        at = biases + out
    return math.tanh(room[(len(widths) - 1) & 1, 0])
