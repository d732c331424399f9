"""NewReno: slow start and additive increase, multiplicative decrease (RFC 5681, RFC 6582)."""

from __future__ import annotations

from typing import Any

import numpy as np

from astraea.congestion.compiled import inlined

__all__ = ["STATE", "on_ack", "on_loss", "on_timeout", "start"]

STATE = np.dtype([("unused", "f8")], align=True)

_INITIAL_WINDOW = 10.0
_FLOOR = 2.0


@inlined
def start(f: Any, c: Any, now: int) -> None:
    """Begin in slow start with the initial window of RFC 6928."""
    f.cwnd = _INITIAL_WINDOW
    f.ssthresh = 1e18


@inlined
def on_ack(f: Any, c: Any, now: int) -> None:
    """Grow by a packet per packet in slow start, by a packet per window afterwards."""
    if f.recovering == 1 or not f.window_limited:
        return
    acked = float(f.acked)
    if f.cwnd < f.ssthresh:
        grown = min(acked, f.ssthresh - f.cwnd)
        f.cwnd += grown
        acked -= grown
    if acked > 0.0:
        f.cwnd += acked / f.cwnd


@inlined
def on_loss(f: Any, c: Any, now: int) -> None:
    """Halve: once per window of losses or of congestion marks."""
    f.ssthresh = max(0.5 * f.cwnd, _FLOOR)


@inlined
def on_timeout(f: Any, c: Any, now: int) -> None:
    """Start over from one packet, towards half of what it was."""
    if f.recovering == 0:
        f.ssthresh = max(0.5 * f.cwnd, _FLOOR)
    f.cwnd = 1.0
