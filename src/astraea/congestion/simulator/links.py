"""A link as a virtual clock: when a packet leaves is known when it arrives, so no event marks it.

``departure = max(now, busy until) + size / capacity``; what has not left yet is the backlog, which decides
whether a packet finds room. Random loss strikes on the wire: a corrupted packet has used its capacity.
"""

from __future__ import annotations

from typing import Any

from astraea.congestion.compiled import inlined
from astraea.congestion.simulator.rng import uniform

__all__ = ["backlog", "offer"]


@inlined
def backlog(link: Any, now: int) -> float:
    """Return the bytes accepted and not yet sent, of the packet in transmission what is left of it."""
    waiting = link.busy - now
    if waiting <= 0:
        return 0.0
    return waiting / link.ns_per_byte


@inlined
def offer(link: Any, size: int, now: int) -> tuple[int, bool]:
    """Offer a packet at time ``now``; return when it leaves (-1: it does not) and whether it is marked."""
    link.arrived += 1
    start = link.busy
    marked = False
    if start > now:
        queued = (start - now) / link.ns_per_byte
        if queued + size > link.buffer:
            link.overflowed += 1
            return -1, False
        if queued > link.mark_above:
            marked = True
            link.marked += 1
    else:
        start = now
    service = size * link.ns_per_byte + link.part
    whole = int(service)
    link.part = service - whole
    link.busy = start + whole
    if link.loss > 0.0 and uniform(link) < link.loss:
        link.corrupted += 1
        return -1, False
    link.carried += 1
    link.bytes += size
    return link.busy, marked
