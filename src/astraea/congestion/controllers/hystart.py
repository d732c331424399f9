"""HyStart++ (RFC 9406): leave slow start when round trips lengthen, before the queue overflows.

A round trip whose smallest time exceeds the last one's by an eighth (4 to 16 ms) begins conservative slow
start, a quarter as fast; five rounds of it end slow start, unless the delay falls back, which resumes it.
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import INF, Connection

__all__ = ["SlowStart", "begin", "growth"]


class SlowStart:
    """The part of a controller's state that this needs."""

    round_rtt: int  # smallest round-trip time of this round ...
    last_round_rtt: int  # ... and of the last
    samples: int
    baseline: int  # of conservative slow start; 0: not in it
    css_rounds: int


_SAMPLES = 8
_THRESHOLD_MIN, _THRESHOLD_MAX = 4_000_000, 16_000_000
_CSS_DIVISOR = 4.0
_CSS_ROUNDS = 5
_BURST = 8  # most packets an acknowledgement may add without pacing


@inlined
def begin(c: SlowStart) -> None:
    """Begin slow start."""
    c.round_rtt = INF
    c.last_round_rtt = INF
    c.samples = 0
    c.baseline = 0
    c.css_rounds = 0


@inlined
def growth(f: Connection, c: SlowStart) -> float:
    """Return by how many packets slow start grows with this acknowledgement; -1.0: slow start ends."""
    if f.round_start:
        c.last_round_rtt = c.round_rtt
        c.round_rtt = INF
        c.samples = 0
        if c.baseline > 0:
            c.css_rounds += 1
            if c.css_rounds >= _CSS_ROUNDS:
                return -1.0
    c.round_rtt = min(c.round_rtt, f.last_rtt)
    c.samples += 1
    grown = float(f.acked) if f.pacing_rate > 0.0 else float(min(f.acked, _BURST))
    if c.samples >= _SAMPLES:
        if c.baseline > 0:
            if c.round_rtt < c.baseline:
                c.baseline = 0
        elif c.last_round_rtt < INF:
            threshold = min(max(c.last_round_rtt // 8, _THRESHOLD_MIN), _THRESHOLD_MAX)
            if c.round_rtt >= c.last_round_rtt + threshold:
                c.baseline = c.round_rtt
                c.css_rounds = 0
    return grown / _CSS_DIVISOR if c.baseline > 0 else grown
