"""The window controller that a learned policy drives: a multiplicative change per control interval.

The policy's action ``a`` in [-1, 1] changes the window to ``cwnd * (1 + gain * a)`` for ``a >= 0`` and to
``cwnd / (1 - gain * a)`` for ``a < 0`` (the form of Astraea, EuroSys'24, eq. 3), without rounding: rounding
up would add a packet per interval to a small window whatever the policy wants. Packets are paced over a
smoothed round-trip time with a gain above one, so that the window, not the pacer, is what binds.

Start-up: until the first sign of congestion the window doubles every round trip as in slow start and actions
are not applied; it ends at a loss, a congestion mark, or a round whose smallest round-trip time exceeds the
base by an eighth (and at least 4 ms).

Losses are the policy's to judge, so they do not change its window. What is enforced differs from it for a
while: in the first round trip of recovery a packet leaves only for a packet that arrived (packet
conservation), and after a timeout, which halves the policy's window, the enforced one climbs back to it
packet by packet.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from astraea.congestion.compiled import inlined

__all__ = ["STATE", "act", "on_ack", "on_loss", "on_timeout", "start"]

STATE = np.dtype(
    [
        ("window", "f8"),  # what the policy wants
        ("starting", "i8"),  # whether the start-up phase still runs
        ("conserving", "i8"),  # whether this is the first round trip of recovery
        ("climbing", "i8"),  # whether the enforced window is on its way back after a timeout
        ("round_rtt", "i8"),  # smallest round-trip time of this round
    ],
    align=True,
)

GAIN = 0.025
FLOOR = 4.0
_INITIAL_WINDOW = 10.0
_START_PACING = 2.0
_PACING = 1.2
_FAR = 1 << 62


@inlined
def start(f: Any, c: Any, now: int) -> None:
    """Begin the start-up phase."""
    c.window = _INITIAL_WINDOW
    c.starting = 1
    c.round_rtt = _FAR
    f.cwnd = _INITIAL_WINDOW
    f.ssthresh = 1e18


@inlined
def on_ack(f: Any, c: Any, now: int) -> None:
    """Grow while starting, and enforce the window that recovery allows."""
    if c.starting:
        c.round_rtt = min(c.round_rtt, f.last_rtt)
        if f.round_start:
            if c.round_rtt > f.min_rtt + max(f.min_rtt >> 3, 4_000_000):
                c.starting = 0
            c.round_rtt = _FAR
        if c.starting and f.window_limited:
            c.window += f.acked
    if f.round_start or not f.recovering:
        c.conserving = 0
    if c.climbing:
        f.cwnd += f.acked
        if f.cwnd >= c.window:
            c.climbing = 0
    _enforce(f, c)


@inlined
def on_loss(f: Any, c: Any, now: int) -> None:
    """Losses end the start-up phase, at half of the window that it had reached; packets are conserved."""
    if c.starting:
        c.starting = 0
        c.window = max(0.5 * c.window, FLOOR)
    c.conserving = 1


@inlined
def on_timeout(f: Any, c: Any, now: int) -> None:
    """Nothing is known to arrive: halve, and climb from the smallest window."""
    c.starting = 0
    c.conserving = 0
    c.climbing = 1
    c.window = max(0.5 * c.window, FLOOR)
    f.cwnd = FLOOR
    _pace(f, c)


@inlined
def act(f: Any, c: Any, action: float) -> None:
    """Apply the policy's ``action`` in [-1, 1] to the window."""
    if c.starting == 0:
        if action >= 0.0:
            c.window *= 1.0 + GAIN * action
        else:
            c.window /= 1.0 - GAIN * action
        c.window = min(max(c.window, FLOOR), float(f.window_max))
    _enforce(f, c)


@inlined
def _enforce(f: Any, c: Any) -> None:
    if c.conserving:
        f.cwnd = min(c.window, max(float(f.inflight + f.acked), FLOOR))
    elif c.climbing:
        f.cwnd = min(f.cwnd, c.window)
    else:
        f.cwnd = c.window
    _pace(f, c)


@inlined
def _pace(f: Any, c: Any) -> None:
    if f.srtt > 0.0:
        f.pacing_rate = (_START_PACING if c.starting else _PACING) * c.window * 1e9 / f.srtt
