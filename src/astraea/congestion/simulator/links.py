"""A link as a virtual clock: when a packet leaves is known when it arrives, so no event marks it.

``departure = max(now, busy until) + size / capacity``; what has not left yet is the backlog, which decides
whether a packet finds room. Random loss strikes on the wire: a corrupted packet has used its capacity. Where the
delay varies, a packet takes that of its departure, and none overtakes one before it.
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import Rows
from astraea.congestion.rng import uniform
from astraea.congestion.simulator.capacity import time_of, work_by
from astraea.congestion.simulator.codel import refuses
from astraea.congestion.simulator.state import Delay, Link, Segment

__all__ = ["arrival", "backlog", "could_carry", "extra_delay", "offer"]


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


@inlined
def arrival(link: Link, delays: Rows[Delay], departure: int) -> int:
    """Return when what leaves at ``departure``, which never goes back, reaches the other end."""
    if link.first_delay == link.last_delay:
        return departure + link.delay
    link.latest = max(link.latest, departure + link.delay + extra_delay(link, delays, departure))
    return link.latest


@inlined
def extra_delay(link: Link, delays: Rows[Delay], at: int) -> int:
    """Return what a link whose delay varies adds to it at time ``at``."""
    k = link.now_delay if delays[link.now_delay].at <= at else link.first_delay
    while k + 1 < link.last_delay and delays[k + 1].at <= at:
        k += 1
    link.now_delay = k
    return delays[k].extra
