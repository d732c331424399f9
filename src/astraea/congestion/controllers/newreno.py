"""NewReno: slow start and additive increase, multiplicative decrease (RFC 5681, RFC 6582)."""

from __future__ import annotations

from typing import Any

import numpy as np

from astraea.congestion.compiled import inlined
from astraea.congestion.simulator.state import OPEN, RECOVERY

__all__ = ["FLOOR", "INITIAL_WINDOW", "NO_THRESHOLD", "STATE", "on_ack", "on_loss", "on_timeout", "start"]

STATE = np.dtype([("nothing", "i8")], align=True)

INITIAL_WINDOW = 10.0  # RFC 6928
FLOOR = 2.0
NO_THRESHOLD = 1e18


@inlined
def start(f: Any, c: Any, now: int) -> None:
    """Begin in slow start."""
    f.cwnd = INITIAL_WINDOW
    f.ssthresh = NO_THRESHOLD


@inlined
def on_ack(f: Any, c: Any, now: int) -> None:
    """Grow by a packet per packet in slow start, by a packet per window afterwards."""
    if f.recovering == RECOVERY or not f.window_limited:
        return
    acked = float(f.acked)
    if f.cwnd < f.ssthresh:
        grown = min(acked, f.ssthresh - f.cwnd)
        f.cwnd += grown
        acked -= grown
    f.cwnd += acked / f.cwnd


@inlined
def on_loss(f: Any, c: Any, now: int) -> None:
    """Halve."""
    f.ssthresh = max(0.5 * f.cwnd, FLOOR)


@inlined
def on_timeout(f: Any, c: Any, now: int) -> None:
    """Start over from one packet, towards half of what there was."""
    if f.recovering == OPEN:
        f.ssthresh = max(0.5 * f.cwnd, FLOOR)
    f.cwnd = 1.0
