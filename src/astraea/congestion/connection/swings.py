"""Rivals whose own cuts empty the queue show in how a flow's rate swings against the delay.

Flows of this kind answer the delay alike. So what a flow gets, its window over the round-trip time, stays its share
while their common queue grows and shrinks. A rival that grows whatever the delay leaves less the longer the queue is,
and after its cut more. Once per round trip, between drains:

- A flow first looks for a *relief*: against the round trip with the longest queue since it began to look, it gets three
  times as much and the queue is a third, for a second and eight round-trip times without a break. A dip that others'
  drains make is over sooner.
- It then looks for a *squeeze*: it gets a third of that, the queue is three times as long and a quarter of the base or
  more, for as long. A squeeze within 30 s (three times ``refresh_after``) of the relief tells of rivals.

Newcomers squeeze without a relief before, and flows that end relieve without a squeeze after. Where the base moves by a
sixteenth, the path may have, and the flow looks anew.
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.detour import SLIGHT
from astraea.congestion.connection.motion import part_of
from astraea.congestion.connection.record import INF, Connection

__all__ = ["Swings", "look_anew", "swung"]

_FACTOR = 3
_QUARTER = 4
_HOLDS_NS, _HOLDS_ROUNDS = 1_000_000_000, 8
_WITHIN = 3  # times ``refresh_after``
_MS = 1_000_000


class Swings:
    """The part of a window's state that this needs."""

    relieved: int  # whether it looks for a squeeze
    relieved_at: int
    swing_base: int  # the base when it began to look
    swing_rate: int  # packets per ms, in 1/2**20, at the turn before
    swing_queue: int  # queueing delay then; -1: none seen yet
    turning_at: int  # since when what it looks for lasts; 0: it does not


@inlined
def look_anew(f: Connection, c: Swings) -> None:
    """Look for a relief, with nothing seen."""
    c.relieved = c.turning_at = c.swing_rate = 0
    c.swing_queue = -1
    c.swing_base = f.min_rtt


@inlined
def swung(f: Connection, c: Swings, low: int, window: int, now: int) -> bool:
    """Look at a round trip under ``window`` whose smallest round-trip time is ``low`` (INF: none); return whether
    rivals have shown."""
    if low == INF:
        return False
    if SLIGHT * abs(f.min_rtt - c.swing_base) > f.min_rtt or (
        c.relieved and (now - c.relieved_at) // _WITHIN > f.refresh_after
    ):
        look_anew(f, c)
    queue = max(low - f.min_rtt, 0)
    rate = part_of(window, _MS, low)
    if c.relieved == 0 and c.turning_at == 0 and queue > c.swing_queue:
        c.swing_queue = queue
        c.swing_rate = rate
    if c.relieved:
        turned = _FACTOR * rate <= c.swing_rate and queue >= _FACTOR * c.swing_queue
        turned = turned and _QUARTER * queue >= f.min_rtt
    else:
        turned = rate >= _FACTOR * c.swing_rate and _FACTOR * queue <= c.swing_queue
    if not turned:
        c.turning_at = 0
        return False
    if c.turning_at == 0:
        c.turning_at = now
    if now - c.turning_at < max(_HOLDS_NS, _HOLDS_ROUNDS * f.srtt_ns):
        return False
    if c.relieved:
        look_anew(f, c)
        return True
    c.relieved = 1
    c.relieved_at = now
    c.turning_at = 0
    c.swing_rate = rate
    c.swing_queue = queue
    return False
