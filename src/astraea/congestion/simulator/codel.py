"""CoDel (RFC 8289): drop or mark when packets have waited too long for too long.

CoDel judges a packet when it is dequeued. In a first-in-first-out queue that moment and the packet's waiting
time are known at its arrival, and packets are judged in the same order, so the state machine can run then.
What it cannot know is how much will be queued behind the packet: the exemption for a queue of a single packet
is left out.
"""

from __future__ import annotations

import numpy as np

from astraea.congestion.compiled import inlined
from astraea.congestion.simulator.state import Link

__all__ = ["refuses"]


@inlined
def refuses(link: Link, waited: int, now: int) -> bool:
    """Return whether CoDel drops a packet that is dequeued at ``now`` after it has ``waited`` (both in ns)."""
    if waited < link.codel_target:
        link.codel_above = 0
        link.codel_dropping = 0
        return False
    if link.codel_above == 0:
        link.codel_above = now + link.codel_interval
    if now < link.codel_above:
        link.codel_dropping = 0
        return False
    if link.codel_dropping:
        if now < link.codel_next:
            return False
        link.codel_count += 1
        link.codel_next += int(link.codel_interval / np.sqrt(link.codel_count))
        return True
    link.codel_dropping = 1
    recent = link.codel_count - link.codel_last
    link.codel_count = recent if recent > 1 and now - link.codel_next < 16 * link.codel_interval else 1
    link.codel_last = link.codel_count
    link.codel_next = now + int(link.codel_interval / np.sqrt(link.codel_count))
    return True
