"""A small network on top of a law: it turns some of the law's numbers by what a flow observes, all in integers.

At each decision the network adds to the numbers :data:`TURNED`, and the law then decides by them. So one whose last
layer is zero *is* the law, bit for bit. What it adds is held within :data:`REACH`, and each number within its bounds.
It sees :data:`SEEN`, and so not the flow's own queue. So, whatever its weights are, the action still never rises with
that queue, all else equal: :mod:`astraea.congestion.policy.certificate`.

Weights and features are counts of 1/1024. Between the layers a leaky rectifier of slope 1/4. In the flat array the
numbers of the law come first, then of each layer the matrix, row by row, and the biases.
"""

from __future__ import annotations

from astraea.congestion.compiled import compiled, inlined
from astraea.congestion.connection.fixed_point import ONE, SHIFT, clip
from astraea.congestion.connection.motion import UNIT
from astraea.congestion.connection.record import Floats, Ints
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.policy.law import LAW, decide
from astraea.congestion.policy.layers import propagate

__all__ = ["HIDDEN", "LEAK", "PLACES", "REACH", "SEEN", "TURNED", "decide_residual", "decide_turned", "turn"]

TURNED = ("target", "gain", "gain_most", "loss_free")
"""The numbers that the network turns, all of them in doublings: one output each, in this order."""

REACH = 4.0
"""The most that it adds to a number or takes off."""

SEEN = (
    "loss", "mean_queue", "noise", "pipe", "rate", "standing", "response", "inflight", "interval", "left",
)  # fmt: skip
"""The features that the network sees, of the present alone."""

HIDDEN = (8,)
"""Widths of the hidden layers that training uses."""

LEAK = ONE // 4
"""By what the rectifier multiplies what is negative, in 1/1024."""

_NAMES = [number.name for number in LAW]
PLACES = tuple(_NAMES.index(name) for name in TURNED)
"""Where these lie among the numbers of the law."""

_LOWS = tuple(round(LAW[k].low * ONE) for k in PLACES)
_HIGHS = tuple(round(LAW[k].high * ONE) for k in PLACES)

_FIELDS = [field.name for field in ObservationSettings().fields]
_SEEN = tuple(_FIELDS.index(name) for name in SEEN)

_COUNT = len(LAW)
_OUTPUTS = len(TURNED)
_REACH = round(REACH * ONE)


@inlined
def decide_residual(p: Ints, widths: Ints, x: Ints, room: Ints, turned: Ints) -> int:
    """Return the action, held within -1 and 1, in 1/2**20, for features ``x`` and weights ``p``, both in 1/1024.

    ``widths`` are those of all layers; ``room`` is int64 of shape ``(2, largest width)``, ``turned`` of the law's.
    """
    turn(p, widths, x, room, turned)
    return int(decide(turned, x))


@inlined
def turn(p: Ints, widths: Ints, x: Ints, room: Ints, turned: Ints) -> None:
    """Write the law's numbers, turned by the network, into ``turned``."""
    for j in range(widths[0]):
        room[0, j] = x[_SEEN[j]]
    last = propagate(p, _COUNT, widths, room, SHIFT, LEAK)
    _add(p, room[last], turned)


@compiled
def decide_turned(p: Ints, said: Ints, x: Ints, turned: Ints, actions: Floats) -> None:
    """Write into ``actions``, ``(n,)``, within -1 and 1, what the law ``p`` does where something says ``said``.

    ``said`` is int64 ``(n, 4)``, what is added to the numbers that may be turned, ``x`` features ``(n, 25)``, all in
    1/1024; ``turned`` is int64 of the law's length. So a trainer may say what a network does not.
    """
    for i in range(len(actions)):
        _add(p, said[i], turned)
        actions[i] = decide(turned, x[i]) / UNIT


@inlined
def _add(p: Ints, said: Ints, turned: Ints) -> None:
    """Write the law's numbers and what is said of four of them into ``turned``."""
    for k in range(_COUNT):
        turned[k] = p[k]
    for k in range(_OUTPUTS):
        place = PLACES[k]
        turned[place] = clip(p[place] + clip(said[k], -_REACH, _REACH), _LOWS[k], _HIGHS[k])
