"""A policy of few numbers: a law of motion whose numbers are learned, in integers, small enough for a kernel.

Each flow aims at packets of its own in the queue, ``target``, which grow with its rate less than in proportion:
then the one delay that flows see in a shared queue determines one rate, whatever their round-trip times, and all
come to the same share. On fast links ``target`` grows sooner (:data:`FAST`), since hosts' noise is longer there than
a few packets. Its window moves by

    step = gain * (target - own queue - what losses cost)

on logarithmic scales. The gain is that of FAST (Wei et al., IEEE/ACM ToN 2006), ``target / window`` times a
learned factor, since a window's relative change moves the queue by window / queue times as much. While the last
four round trips all lay on the same side of the target, the gain grows by ``haste``, and a change of rate that has
lasted so long goes on by ``momentum`` (as Copa's velocity does): errors common to all flows change their sign within
that time, an unfair share and an empty path do not.

The last eight numbers, ``rival_*``, are a law among rivals that a drain has told of. They have no effect in the window
that ships while ``rival_left`` is 0.15 or more: what would tell them of rivals makes the window grow as CUBIC's and ask
the law no more (:mod:`astraea.congestion.connection.drains`). They stay because policy files and the kernel's map hold
eighteen numbers.

All is in counts of 1/1024 and needs only what :mod:`astraea.congestion.connection.fixed_point` offers. The
action never rises with the flow's own queue, all else equal: :mod:`astraea.congestion.policy.certificate`.
"""

from __future__ import annotations

from dataclasses import dataclass

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.fixed_point import ONE, SHIFT, clip, exp2
from astraea.congestion.connection.record import Ints

__all__ = ["FAST", "FASTER", "LAW", "Number", "decide"]


@dataclass(frozen=True)
class Number:
    """One number of the law: where the search for it begins, how far a first step goes, and its bounds."""

    name: str
    meaning: str
    start: float
    spread: float
    low: float
    high: float


LAW: tuple[Number, ...] = (
    Number("target", "own packets in the queue to aim at, log2(1 + 8 q), at no rate", 3.5, 0.6, -4, 8),
    Number(
        "target_rate",
        "how the target grows with the rate; with FASTER below 1, or shares would not be unique",
        0.12,
        0.08,
        0,
        0.65,
    ),
    Number("loss_cut", "what a doubling of the loss costs, in doublings of the queue", 0.6, 0.25, 0, 8),
    Number("loss_free", "loss that costs nothing, log2(1 + 1000 p)", 4.6, 0.6, 0, 10),
    Number("gain", "log2 of the gain, relative to target / window", -0.3, 0.4, -6, 4),
    Number("gain_interval", "how the gain grows with the control interval in round-trip times", -0.35, 0.2, -1, 1),
    Number("gain_most", "most that log2 of the gain may be", -1.8, 0.6, -5, 3),
    Number("haste", "how log2 of the gain grows with an error that lasts", 1.0, 0.35, 0, 4),
    Number("haste_most", "error up to which it does", 1.1, 0.5, 0, 6),
    Number("momentum", "how much of a change that has lasted four round trips goes on by itself", 0.6, 0.3, 0, 2),
    Number(
        "rival_queue", "least queueing delay in base round-trip times, as log2, that tells of rivals", -4.5, 0.4, -8, 3
    ),
    Number("rival_excess", "own queue beyond the target, in doublings, without which there are none", 0.0, 0.3, -4, 4),
    Number("rival_left", "part of the queueing delay that a drain leaves, up to which there are none", 0.2, 0.05, 0, 1),
    Number("rival_slope", "how soon beyond that they are believed in", 4.0, 1.0, 0.5, 16),
    Number("rival_growth", "log2 of the growth among rivals, at a window of an eighth of a packet", -2.5, 0.5, -8, 8),
    Number(
        "rival_scale",
        "how that growth falls with the window: 1 for so many packets, 0 for such a part",
        0.3,
        0.07,
        0,
        1,
    ),
    Number("rival_cut", "cut among rivals for a doubling of the loss", 0.22, 0.1, 0, 4),
    Number("rival_free", "loss that cuts nothing there, log2(1 + 1000 p)", 3.0, 0.6, 0, 10),
)
"""The numbers in their order. The search starts where theory and a few short pilot searches pointed."""

(
    _TARGET,
    _TARGET_RATE,
    _LOSS_CUT,
    _LOSS_FREE,
    _GAIN,
    _GAIN_INTERVAL,
    _GAIN_MOST,
    _HASTE,
    _HASTE_MOST,
    _MOMENTUM,
    _RIVAL_QUEUE,
    _RIVAL_EXCESS,
    _RIVAL_LEFT,
    _RIVAL_SLOPE,
    _RIVAL_GROWTH,
    _RIVAL_SCALE,
    _RIVAL_CUT,
    _RIVAL_FREE,
) = range(18)

FAST = 13056
"""The rate, as the feature has it, beyond which the target grows sooner: 344 Mbit/s in packets of 1,500 bytes."""

FASTER = 307
"""How much sooner: the share of each further doubling of the rate that is added to ``target_rate``, 0.3."""

_PACE = 3  # an action of 1 is a third of a doubling an interval, at a gain of 1/4

# where the features lie in an observation of the set 'packets' with four slots of history
_OWN, _OWN_1, _OWN_2, _OWN_3 = 0, 4, 8, 12
_LOSS, _LOSS_1 = 1, 5
_SENT, _SENT_1, _SENT_2, _SENT_3 = 2, 6, 10, 14
_PIPE, _RATE, _INTERVAL, _LEFT = 18, 19, 23, 24


@inlined
def decide(p: Ints, x: Ints) -> int:
    """Return the action, held within -1 and 1, in 1/2**20, for features ``x`` and numbers ``p``, both in 1/1024."""
    own = x[_OWN]
    most = max(max(x[_OWN_1], x[_OWN_2]), x[_OWN_3])
    least = min(min(x[_OWN_1], x[_OWN_2]), x[_OWN_3])
    target = p[_TARGET] + _times(p[_TARGET_RATE], x[_RATE]) + _times(FASTER, max(x[_RATE] - FAST, 0))
    error = target - own - _times(p[_LOSS_CUT], max(max(x[_LOSS], x[_LOSS_1]) - p[_LOSS_FREE], 0))
    lasting = max(target - max(own, most), 0) if error > 0 else max(min(own, least) - target, 0)
    gain = (
        p[_GAIN]
        + target
        - x[_PIPE]
        + _times(p[_GAIN_INTERVAL], x[_INTERVAL])
        + _times(p[_HASTE], min(lasting, p[_HASTE_MOST]))
    )
    if error > 0:
        pace = max(min(min(x[_SENT], x[_SENT_1]), min(x[_SENT_2], x[_SENT_3])), 0)
    else:
        pace = min(max(max(x[_SENT], x[_SENT_1]), max(x[_SENT_2], x[_SENT_3])), 0)
    going = _PACE * _times(p[_MOMENTUM], _times(exp2(min(x[_INTERVAL], 0)), pace))
    alone = clip(_times(exp2(min(gain, p[_GAIN_MOST])), error) + going, -ONE, ONE)
    strange = min(least - x[_PIPE] - p[_RIVAL_QUEUE], least - target - p[_RIVAL_EXCESS])
    rivals = clip(_times(p[_RIVAL_SLOPE], strange), 0, ONE) if x[_LEFT] > p[_RIVAL_LEFT] else 0
    growth = exp2(p[_RIVAL_GROWTH] - _times(p[_RIVAL_SCALE], x[_PIPE]))
    among = clip(growth - _times(p[_RIVAL_CUT], max(x[_LOSS] - p[_RIVAL_FREE], 0)), -ONE, ONE)
    return int(alone * (ONE - rivals) + among * rivals)


@inlined
def _times(a: int, b: int) -> int:
    return int((a * b) >> SHIFT)
