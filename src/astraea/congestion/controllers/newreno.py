"""NewReno: slow start and additive increase, multiplicative decrease (RFC 5681, RFC 6582).

A flow of weight w grows as w flows would, and gives up at a loss what one of them would (MulTCP: Crowcroft and
Oechslin, 1998), but half of all when slow start ends, since all of them would have overshot.
"""

from __future__ import annotations

from typing import ClassVar

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import FLOOR, INITIAL_WINDOW, NO_THRESHOLD, OPEN, RECOVERY, Connection
from astraea.congestion.controllers.controller import Controller, Events

__all__ = ["NewReno", "on_ack", "on_loss", "on_timeout", "start"]


@inlined
def start(f: Connection, c: object, now: int) -> None:
    """Begin in slow start."""
    f.cwnd = INITIAL_WINDOW
    f.ssthresh = NO_THRESHOLD


@inlined
def on_ack(f: Connection, c: object, now: int) -> None:
    """Grow by a packet per packet in slow start, by a packet per window afterwards."""
    if f.recovering == RECOVERY or not f.window_limited:
        return
    acked = float(f.acked)
    if f.cwnd < f.ssthresh:
        grown = min(acked, f.ssthresh - f.cwnd)
        f.cwnd += grown
        acked -= grown
    f.cwnd += f.parameter * acked / f.cwnd


@inlined
def on_loss(f: Connection, c: object, now: int) -> None:
    """Halve."""
    f.ssthresh = max(_kept(f) * f.cwnd, FLOOR)


@inlined
def on_timeout(f: Connection, c: object, now: int) -> None:
    """Start over from one packet, towards half of what there was."""
    if f.recovering == OPEN:
        f.ssthresh = max(_kept(f) * f.cwnd, FLOOR)
    f.cwnd = 1.0


@inlined
def _kept(f: Connection) -> float:
    """Return the share of the window that a loss leaves."""
    if f.ssthresh >= NO_THRESHOLD:
        return 0.5
    return 1.0 - 0.5 / max(f.parameter, 1.0)


class NewReno(Controller, name="newreno"):
    """Additive increase, multiplicative decrease (RFC 5681)."""

    weighs: ClassVar = True
    conserves: ClassVar = True
    events: ClassVar = Events(
        start=start,
        on_ack=on_ack,
        on_loss=on_loss,
        on_mark=on_loss,
        on_timeout=on_timeout,
    )
