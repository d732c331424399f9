"""What a flow waits for when acknowledgements stay away: a probe, the end of its patience, a timeout."""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import INF, OPEN
from astraea.congestion.simulator.state import ACTIVE, Flow

__all__ = ["PROBE", "REORDER", "RTO", "arm", "back_off"]

RTO, PROBE, REORDER = 0, 1, 2
_RTO_MAX = 60_000_000_000
_PROBE_SLACK = 2_000_000


@inlined
def arm(f: Flow, now: int) -> None:
    """Start the timer anew: a tail loss probe where one may help (RFC 8985, 7.2), else the timeout."""
    if f.timer == REORDER and f.timer_at < INF and f.holes > 0:
        return
    f.timer = RTO
    if f.phase != ACTIVE or (f.inflight == 0 and f.resend_head == f.resend_tail):
        f.timer_at = INF
        return
    f.timer_at = now + f.rto
    if f.recovering == OPEN and f.holes == 0 and f.srtt > 0.0:
        probe = now + int(2.0 * f.srtt) + _PROBE_SLACK
        if f.inflight == 1:
            probe += f.rto_min  # the receiver may hold back a lone acknowledgement
        if probe < f.timer_at:
            f.timer = PROBE
            f.timer_at = probe


@inlined
def back_off(f: Flow, now: int) -> None:
    """Wait twice as long for each timeout in a row (RFC 6298, 5.5)."""
    f.backoff += 1
    f.timer = RTO
    f.timer_at = now + min(f.rto << min(f.backoff, 8), _RTO_MAX)
