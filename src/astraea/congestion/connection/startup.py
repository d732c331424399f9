"""The start-up phase of controllers that actions from outside drive: slow start until the first congestion.

The window doubles every round trip and actions are not applied. It ends when a twentieth of a round trip's packets
and at least three are lost (fewer may be chance), at a congestion mark, or when eight samples of a round trip all
exceed the base by an eighth and at least 4 ms, as in HyStart++ (RFC 9406). By then the window is far above what the
path holds, so the controller takes over at the rate at which packets then arrive.

That rate is of packets sent a round trip before, under half the window. A flow alone has filled the path even so; one
that has come to a flow without end would take over at half of what it has already. So where the delay shows with 64
packets in flight or more, the window *holds* until a round trip that began under it is over. With fewer, what it would
win is little, and where many share a link, the queue pays for it.
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import INF, Connection

__all__ = ["Startup", "begin", "growth"]


class Startup:
    """The part of a controller's state that this needs."""

    starting: int  # whether the phase still runs
    round_rtt: int  # smallest round-trip time of this round
    round_samples: int
    round_lost: int  # counters when the round began
    round_delivered: int
    holding: int  # 0: the window grows; else 1 for the round trip in which the delay showed, 2 for the next


_THRESHOLD_MIN = 4_000_000
_SAMPLES = 8
_LOST, _LOST_SHARE = 3, 20
_ENOUGH = 64  # in flight, to hold


@inlined
def begin(c: Startup) -> None:
    """Begin the phase."""
    c.starting = 1
    c.round_rtt = INF
    c.round_samples = 0
    c.round_lost = 0
    c.round_delivered = 0
    c.holding = 0


@inlined
def growth(f: Connection, c: Startup) -> int:
    """Return by how many packets the window grows with this acknowledgement; ends the phase when it is over."""
    if f.round_start:
        c.round_rtt = INF
        c.round_samples = 0
        c.round_lost = f.lost
        c.round_delivered = f.delivered
        if c.holding == 2:
            c.starting = 0
            return 0
        c.holding *= 2
    lost = f.lost - c.round_lost
    if lost >= _LOST and lost * _LOST_SHARE >= f.delivered - c.round_delivered:
        c.starting = 0
        return 0
    if c.holding:
        return 0
    c.round_rtt = min(c.round_rtt, f.last_rtt)
    c.round_samples += 1
    if c.round_samples >= _SAMPLES and c.round_rtt > f.min_rtt + max(f.min_rtt // 8, _THRESHOLD_MIN):
        c.holding = f.inflight >= _ENOUGH
        c.starting = c.holding
        return 0
    return int(f.acked) if f.window_limited else 0
