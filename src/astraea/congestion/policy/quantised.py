"""A plain network in integers, as a kernel can run it: :mod:`astraea.congestion.policy.network` to within 1 %.

Weights are rounded to ``1 / 2**16``, activations are counts of 1/1024, and the hyperbolic tangent at the end is
``(1 - e) / (1 + e)`` with ``e = exp(-2 |x|)`` from the table of :mod:`astraea.congestion.connection.fixed_point`.
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.fixed_point import ONE, SHIFT, exp2
from astraea.congestion.connection.motion import UNIT
from astraea.congestion.connection.record import Ints
from astraea.congestion.policy.layers import propagate

__all__ = ["LEAK", "WEIGHT", "decide_quantised", "squash"]

WEIGHT = 16
"""Weights are counts of ``1 / 2**16``."""

LEAK = round(0.2 * ONE)
"""By what the rectifier multiplies what is negative, in 1/1024."""

_TWICE = 2955  # 2 log2(e), in 1/1024
_FINE = 10 * ONE  # doublings, by which exp2 gives counts of 1 / 2**20


@inlined
def decide_quantised(p: Ints, widths: Ints, x: Ints, room: Ints) -> int:
    """Return the action, between -1 and 1, in 1/2**20, for features ``x`` in 1/1024 and weights ``p``.

    ``widths`` are those of all layers, the observation's first and 1 last; ``room`` is int64 of shape
    ``(2, largest width)``.
    """
    for j in range(widths[0]):
        room[0, j] = x[j]
    last = propagate(p, 0, widths, room, WEIGHT, LEAK)
    return int(squash(room[last, 0]))


@inlined
def squash(x: int) -> int:
    """Return the hyperbolic tangent of ``x`` (in 1/1024), in 1/2**20, within 0.001."""
    e = exp2(_FINE - ((abs(x) * _TWICE) >> SHIFT))
    size = ((UNIT - e) * UNIT) // (UNIT + e)
    return size if x >= 0 else -size
