"""A path that has become longer: believed where the round-trip time rose at once and stays, though the flow yields.

A queue of flows of this kind falls when they yield, and so does a flow's own. So once per round trip, with the
smallest round-trip time ``low`` seen in it:

- A *rise* begins where ``low`` is longer than in the round trip before by half of its distance from the base, as a
  hand-over does and a queue that builds up does not (one of the last two round trips may have brought it: slow start
  takes both); that distance is twice the usual of late, since after a common drain a queue comes back as it was; and
  the window was 16 packets or more: the drain of a flow with few packets would free nothing of a queue. It is over when
  half of it is gone, when as much again has come, or after 64 round trips.
- Meanwhile ``low`` is the smaller one of two round trips: a flow that has yielded to a few packets, or drains, hears
  late acknowledgements alone at times.
- It is *steady* while ``low`` stays within an eighth of its distance from the base, and the flow's window is half of
  what it was before the rise or less.
- After ten steady round trips and a second, a drain to half the window tests it: where the smallest round-trip time
  falls by an eighth of that distance, others keep a queue, and the next test waits for 3 s. Else it is the new base.

What is usual belongs to the queue, not to the base: where a newcomer learns that the base is shorter than it held,
the usual distance grows by as much. Else the queue of a crowd, when it comes back, is as sudden to it as a longer path.

A flow begins no rise in the first 32 round trips after its first drain: its own start moved the queue, and rivals that
it made yield come back.
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.motion import BITS
from astraea.congestion.connection.record import INF, Connection

__all__ = ["SLIGHT", "Detour", "begin", "judge", "rest", "watch"]

SLIGHT = 16
"""The part of the base below which a distance from it says nothing."""

_STEADY_ROUNDS, _STEADY_NS = 10, 1_000_000_000
_ENOUGH = 16 << BITS  # window before a rise
_QUIET = 32  # round trips watched before a rise
_ROUNDS = 64  # for which a rise is looked at
_NARROW, _FELL, _FADING = 8, 8, 4
_FORGETTING = 5
_AGAIN = 3_000_000_000


class Detour:
    """The part of a window's state that this needs."""

    low: int  # smallest round-trip time of this round trip; INF: none yet
    low_1: int  # and of the last two that were watched
    low_2: int
    watched: int  # round trips since it began to look
    floor: int  # the base at the last round trip watched
    usual: int  # largest distance from the base of late, but for these two
    before: int  # largest window of late, as it was before the rise
    rise_from: int  # round-trip times before the rise, and at it
    rise_to: int
    risen: int  # round trips since it began; 0: there is none
    steady: int  # round trips that were steady
    steady_at: int  # since when
    steady_least: int  # their round-trip times
    steady_most: int
    testing: int  # whether a drain tests it
    test_from: int  # when the next test may begin


@inlined
def begin(c: Detour) -> None:
    """Begin with nothing seen."""
    c.low = c.low_1 = c.low_2 = INF


@inlined
def rest(c: Detour, window: int) -> None:
    """Look at nothing: the flow starts, or is outside of what its policy is for."""
    c.low = c.low_1 = c.low_2 = INF
    c.before = window
    c.risen = c.watched = 0


@inlined
def watch(f: Connection, c: Detour, window: int, now: int) -> bool:
    """Look at the round trip that ends, under ``window``; return whether a drain is to test a rise."""
    low, lately = c.low, min(c.low_1, c.low_2)
    jump = max(low - c.low_1, c.low_1 - c.low_2)
    c.low = INF
    if low == INF:
        return False
    c.watched += 1
    c.usual -= c.usual >> _FORGETTING
    if SLIGHT * (c.floor - f.min_rtt) > f.min_rtt:
        c.usual += c.floor - f.min_rtt
        c.low_1 = c.low_2 = INF
    c.floor = f.min_rtt
    if c.low_2 < INF:
        c.usual = max(c.usual, c.low_2 - f.min_rtt)
    c.low_2 = c.low_1
    c.low_1 = low
    if c.risen:
        low = min(low, c.low_2)
    else:
        c.before = max(c.before - (c.before >> _FADING), window)
    far = low - f.min_rtt
    if SLIGHT * far < f.min_rtt:
        c.risen = 0
        return False
    again = c.watched > _QUIET and (c.risen == 0 or 2 * (low - c.rise_to) > c.rise_to - c.rise_from)
    if again and lately < INF and 2 * jump > far and far > 2 * c.usual and c.before >= _ENOUGH:
        c.risen = 1
        c.rise_from = lately
        c.rise_to = low
        _restart(c, low, now)
    if c.risen == 0:
        return False
    c.risen += 1
    rise = c.rise_to - c.rise_from
    if 2 * (low - c.rise_from) < rise or far > 2 * rise or c.risen > _ROUNDS:
        c.risen = 0
        return False
    c.steady_least = min(c.steady_least, low)
    c.steady_most = max(c.steady_most, low)
    wide = (c.steady_most - c.steady_least) * _NARROW > c.steady_least - f.min_rtt
    if wide or 2 * window > c.before:
        _restart(c, low, now)
        return False
    c.steady += 1
    c.testing = c.steady >= _STEADY_ROUNDS and now - c.steady_at >= _STEADY_NS and now >= c.test_from
    return c.testing != 0


@inlined
def _restart(c: Detour, low: int, now: int) -> None:
    c.steady = 0
    c.steady_at = now
    c.steady_least = c.steady_most = low


@inlined
def judge(f: Connection, c: Detour, drained: int, now: int) -> bool:
    """Return whether the path is longer, when ``drained`` was the smallest round-trip time of the drain (INF: none)."""
    c.testing = 0
    c.risen = 0
    if drained < INF and (c.steady_least - drained) * _FELL <= c.steady_least - f.min_rtt:
        c.usual = 0
        return True
    c.test_from = now + _AGAIN
    return False
