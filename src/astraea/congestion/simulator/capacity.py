"""Capacity that varies: what a link could have carried by a time, and when it has carried so much.

A schedule is rows of the segment table, each a stretch of constant capacity, repeated after its period. Both
questions move forward through it with cursors of their own, so that each segment is passed once.
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import Rows
from astraea.congestion.simulator.state import Link, Segment

__all__ = ["time_of", "work_by"]


@inlined
def work_by(link: Link, segments: Rows[Segment], now: int) -> float:
    """Return how many bytes the link could have carried by ``now``, which never goes back."""
    lap = now // link.period
    local = now - lap * link.period
    k = link.now_segment if lap == link.now_lap else link.first
    while k + 1 < link.last and segments[k + 1].at <= local:
        k += 1
    link.now_segment = k
    link.now_lap = lap
    segment = segments[k]
    return float(lap * link.period_work + segment.work + (local - segment.at) / segment.ns_per_byte)


@inlined
def time_of(link: Link, segments: Rows[Segment], work: float) -> int:
    """Return when ``work`` > 0 bytes will have been carried; successive calls ask for more and more."""
    lap = int(work / link.period_work)
    local = work - lap * link.period_work
    if local <= 0.0:  # the last byte of a lap is carried at its end, not at the next one's start
        lap -= 1
        local += link.period_work
    k = link.busy_segment if lap == link.busy_lap else link.first
    while k + 1 < link.last and segments[k + 1].work < local:
        k += 1
    link.busy_segment = k
    link.busy_lap = lap
    segment = segments[k]
    return int(lap * link.period + segment.at + int((local - segment.work) * segment.ns_per_byte))
