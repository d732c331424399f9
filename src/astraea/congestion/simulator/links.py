"""A link as a virtual clock: when a packet leaves is known when it arrives, so no event marks it.

``departure = max(now, busy until) + size / capacity``; what has not left yet is the backlog, which decides
whether a packet finds room. Random loss strikes on the wire: a corrupted packet has used its capacity.
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import Rows
from astraea.congestion.rng import uniform
from astraea.congestion.simulator.capacity import time_of, work_by
from astraea.congestion.simulator.codel import refuses
from astraea.congestion.simulator.state import Link, Segment

__all__ = ["backlog", "could_carry", "offer"]


@inlined
def backlog(link: Link, segments: Rows[Segment], now: int) -> float:
    """Return the bytes accepted and not yet sent, of the packet in transmission what is left of it."""
    if link.busy <= now:
        return 0.0
    if link.first < link.last:
        return float(link.work - work_by(link, segments, now))
    return float((link.busy - now) / link.ns_per_byte)


@inlined
def could_carry(link: Link, segments: Rows[Segment], now: int) -> float:
    """Return the bytes that the link could have carried by ``now`` had it never been idle."""
    if link.first < link.last:
        return work_by(link, segments, now)
    return float(now / link.ns_per_byte)


@inlined
def offer(link: Link, segments: Rows[Segment], size: int, now: int) -> tuple[int, bool]:
    """Offer a packet at time ``now``; return when it leaves (-1: it does not) and whether it is marked."""
    link.arrived += 1
    marked = False
    start = now
    if link.busy > now:
        queued = backlog(link, segments, now)
        if queued + size > link.buffer:
            link.overflowed += 1
            return -1, False
        start = link.busy
        marked = queued > link.mark_above
    if link.codel_target > 0 and refuses(link, start - now, start):
        if not link.codel_marks:
            link.dropped += 1
            return -1, False
        marked = True
    if link.first < link.last:
        link.work = max(link.work, work_by(link, segments, now)) + size
        link.busy = time_of(link, segments, link.work)
    else:
        service = size * link.ns_per_byte + link.part
        whole = int(service)
        link.part = service - whole
        link.busy = start + whole
    if link.loss > 0.0 and uniform(link) < link.loss:
        link.corrupted += 1
        return -1, False
    link.marked += marked
    link.carried += 1
    link.bytes += size
    return link.busy, marked
