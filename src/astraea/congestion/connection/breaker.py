"""A floor under every policy: what keeps losing falls, whatever the policy wants (RFC 8084, RFC 8085).

Counts are kept per round trip and fade by an eighth each, so that they cover eight or so. Where more than a tenth of
them and of the last one was lost, the window halves, each round trip until it is below. While more than a twentieth is
being lost, the window grows by at most 1/128 of itself, or of two packets, at an action: in small steps that are alike
for all, where halvings alone would leave shares as chance has made them.
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.motion import BITS, LEAST
from astraea.congestion.connection.record import FLOOR, Connection

__all__ = ["Breaker", "bounded", "count_round", "forget"]

_FADING = 3  # an eighth
_LOSING, _BROKEN = 20, 10  # parts
_STEP = 7  # 1/128
_FLOOR = int(FLOOR) << BITS


class Breaker:
    """The part of a window's state that this needs."""

    past_lost: int  # the connection's counters when the round trip began
    past_delivered: int
    lately_lost: int  # packets of about eight round trips, in 1/2**20
    lately_heard: int
    losing: int  # whether a twentieth of them were lost


@inlined
def forget(f: Connection, c: Breaker) -> None:
    """Begin to count anew: what a start-up and the drain after it lose is the start-up's own."""
    c.past_lost = f.lost
    c.past_delivered = f.delivered
    c.lately_lost = c.lately_heard = c.losing = 0


@inlined
def count_round(f: Connection, c: Breaker, window: int) -> int:
    """Count the round trip that has ended; return what it leaves of ``window``."""
    lost = f.lost - c.past_lost
    heard = lost + f.delivered - c.past_delivered
    c.past_lost = f.lost
    c.past_delivered = f.delivered
    c.lately_lost += (lost << BITS) - (c.lately_lost >> _FADING)
    c.lately_heard += (heard << BITS) - (c.lately_heard >> _FADING)
    c.losing = c.lately_lost * _LOSING > c.lately_heard
    if lost * _BROKEN > heard and c.lately_lost * _BROKEN > c.lately_heard:
        return max(window >> 1, LEAST)
    return window


@inlined
def bounded(c: Breaker, window: int, wanted: int) -> int:
    """Return what an action that wants ``wanted`` instead of ``window`` gets."""
    return min(wanted, window + (max(window, _FLOOR) >> _STEP)) if c.losing else wanted
