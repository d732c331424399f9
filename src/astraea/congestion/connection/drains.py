"""Drains without a clock: flows that see the same queue fall into step, and rivals are what keeps it filled.

In a *drain* a flow sends less for a round trip and at least 200 ms, and the smallest round-trip time seen renews its
base: a flow that joins a standing queue would never learn its true base otherwise. It is of use only where all flows
drain at once, and hosts have no common clock. So a flow remembers when it saw the smallest round-trip time since its
last drain began, and drains ten seconds (``refresh_after``) after that. All flows at a queue see the same dips. Two
that drain at once by chance make a deeper one, which draws the others: as BBR's flows do with their own drains. No
flow waits for more than twice as long. The first six drains of a flow come three times as soon, and so does one after
a period that left more than a quarter (below).

The base is the smallest round-trip time of the last 30 to 60 s, that of drains and between them.

A period, from one drain to the end of the next, *leaves* a part of the queueing delay: its smallest over the largest
of a round trip's smallest. Where flows of this kind are in step the queue empties, and hardly a twentieth is left;
a flow that fills the buffer leaves two fifths and more. Two periods in a row that leave more than 15 % tell of
rivals, where the flow has yielded, or where no period of the last 12.5 s (a quarter more than ``refresh_after``) left
less: a crowd whose older flows drain later than its newcomers keeps a queue as long as that, but yields nothing. What
was believed before halves with each period. A flow has *yielded* where its window is half or less of the largest it
had between drains; that one halves with each period that leaves less. One period alone proves nothing: a newcomer may
have met it. Less than a sixteenth of the base is not left but the path, which moves by as much. A flow that believes
in rivals asks its own drains alone: their cuts empty the queue as well. (Other evidence:
:mod:`astraea.congestion.connection.swings`.)
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.detour import SLIGHT
from astraea.congestion.connection.fixed_point import ONE
from astraea.congestion.connection.motion import BITS, LEAST
from astraea.congestion.connection.noise import age_calm, forget_calm
from astraea.congestion.connection.record import FLOOR, INF, Connection

__all__ = ["Drains", "alone", "begin", "believe", "drain", "due", "judge", "over", "renew", "see", "see_round", "wait"]

_SHORTEST = 200_000_000
_EARLY, _SOONER = 6, 3
_GENERATION = 3  # times ``refresh_after``
_EMPTY = ONE // 4  # of the queueing delay: nobody else kept the queue filled
_RIVALS = 154  # 15 %
_LONG = 2  # a quarter more than ``refresh_after``, in bits
_FLOOR = int(FLOOR) << BITS  # of what is enforced


class Drains:
    """The part of a window's state that this needs."""

    draining: int  # whether the base round-trip time is being renewed
    drain_window: int
    drain_from: int  # smoothed round-trip time when the drain began
    drain_rtt: int  # smallest round-trip time meanwhile
    drain_until: int  # INF: what is in flight has not fallen yet
    drained_at: int  # when the last drain began
    drains: int
    lowest: int  # smallest round-trip time since then
    lowest_at: int  # and when it was seen
    lowest_before: int  # smallest of the time between the drain before and this one
    peak: int  # largest of the smallest round-trip times of that time's round trips
    left: int  # 1/1024 of the queueing delay that the last period left
    among: int  # whether rivals are believed in
    base_now: int  # smallest round-trip time of this generation
    base_before: int  # and of the generation before
    turned_at: int  # when this generation began
    emptied_at: int  # when the last period ended that told of no rivals
    widest: int  # largest window between drains, without rivals; halved by each such period


@inlined
def begin(c: Drains, now: int) -> None:
    """Begin with nothing known."""
    c.base_now = c.base_before = INF
    wait(c, now)
    c.turned_at = c.emptied_at = now


@inlined
def wait(c: Drains, now: int) -> None:
    """Begin a period without a drain."""
    c.drained_at = c.lowest_at = now
    c.lowest = INF
    c.peak = 0


@inlined
def see(f: Connection, c: Drains, now: int) -> None:
    """Note the round-trip time of an acknowledgement."""
    if f.last_rtt <= c.lowest:
        c.lowest = f.last_rtt
        c.lowest_at = now


@inlined
def see_round(c: Drains, low: int, window: int) -> None:
    """Note the smallest round-trip time of a round trip (INF: none) between drains, and its ``window``."""
    if low < INF:
        c.peak = max(c.peak, low)
    if c.among == 0:
        c.widest = max(c.widest, window)


@inlined
def due(f: Connection, c: Drains, now: int) -> bool:
    """Return whether it is time for a drain."""
    doubtful = c.left > _EMPTY and not c.among and f.wary
    every = f.refresh_after // _SOONER if c.drains < _EARLY or doubtful else f.refresh_after
    return now - c.lowest_at >= every or (now - c.drained_at) >> 1 >= every


@inlined
def drain(f: Connection, c: Drains, now: int, window: int) -> None:
    """Begin a drain to ``window``."""
    if c.drains > 0:
        c.base_now = min(c.base_now, c.lowest)
    else:
        forget_calm(f)  # lows of a start are of few packets, or of a full queue
    c.lowest_before = c.lowest
    c.drained_at = c.lowest_at = now
    c.lowest = INF
    c.draining = 1
    c.drain_window = max(window, LEAST)
    c.drain_rtt = INF
    c.drain_until = INF
    c.drain_from = f.srtt_ns


@inlined
def over(f: Connection, c: Drains, now: int) -> bool:
    """Go on with a drain; return whether it is over."""
    if f.acked > 0:
        c.drain_rtt = min(c.drain_rtt, f.last_rtt)
    if c.drain_until == INF:
        if f.inflight << BITS <= max(c.drain_window, _FLOOR):
            c.drain_until = now + max(f.srtt_ns, _SHORTEST)
    elif now >= c.drain_until:
        c.draining = 0
    return c.draining == 0


@inlined
def renew(f: Connection, c: Drains, now: int) -> None:
    """Take the smallest round-trip time of this drain and all before it, back to the generation before."""
    if f.min_rtt < min(c.base_now, c.base_before):
        c.base_now = f.min_rtt
    c.base_now = min(c.base_now, c.drain_rtt)
    c.drains += 1
    if (now - c.turned_at) // _GENERATION >= f.refresh_after:
        c.turned_at = now
        c.base_before = c.base_now
        c.base_now = INF
        age_calm(f)
    f.min_rtt = min(c.base_now, c.base_before)
    f.min_rtt_at = now


@inlined
def judge(f: Connection, c: Drains, window: int, now: int) -> bool:
    """Take what the period left, under ``window``, as evidence of rivals; return whether the queue was empty in it."""
    lowest = c.drain_rtt if c.among else min(c.lowest_before, c.drain_rtt)
    left = _left(max(c.peak, c.drain_from) - f.min_rtt, lowest - f.min_rtt, f.min_rtt)
    c.peak = 0
    if SLIGHT * (f.last_rtt - 2 * c.drain_from + f.min_rtt) > f.min_rtt:
        left = 0  # the path: it rose meanwhile by more than it was above the base
    if left <= _RIVALS:
        c.emptied_at = now
        c.widest >>= 1
    kept = c.among or 2 * window <= c.widest or now - c.emptied_at - f.refresh_after >= f.refresh_after >> _LONG
    told = kept and c.drains > 2 and f.wary  # the first followed the start
    f.drain_left = max(min(left, c.left) if told else 0, f.drain_left // 2)
    c.left = left
    c.among = f.drain_left > _RIVALS
    return left < _EMPTY


@inlined
def believe(f: Connection, c: Drains) -> None:
    """Believe in rivals on other evidence, as if two periods had left half of the queueing delay."""
    f.drain_left = c.left = ONE // 2
    c.among = 1


@inlined
def alone(f: Connection, c: Drains) -> None:
    """Believe in no rivals: what was left belonged to the path."""
    f.drain_left = c.left = c.among = c.peak = 0


@inlined
def _left(most: int, least: int, base: int) -> int:
    """Return in 1/1024 what part of the queueing delay ``most`` the ``least`` is; nothing where that is hardly any."""
    least = min(least, most)
    if SLIGHT * least < base:
        return 0
    return ONE * least // most
