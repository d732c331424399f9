"""MLTCP: NewReno whose additive increase grows with the bytes that a transfer has sent (arXiv 2402.09589).

Transfers that repeat, as those of learning's iterations do, then slide apart until they overlap little: the one that is
further sends faster and ends, and the others have the link to themselves. The increase of a window is multiplied by
``1.75 r + 0.25``, where r is the share of the transfer that has arrived; all else is NewReno's.
"""

from __future__ import annotations

from typing import ClassVar

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import RECOVERY, Connection
from astraea.congestion.controllers import newreno
from astraea.congestion.controllers.controller import Controller, Events

__all__ = ["INTERCEPT", "SLOPE", "Mltcp", "on_ack"]

SLOPE, INTERCEPT = 1.75, 0.25  # section 3 of the paper


@inlined
def on_ack(f: Connection, c: object, now: int) -> None:
    """Grow as NewReno in slow start, and faster the more of the transfer has arrived afterwards."""
    if f.recovering == RECOVERY or not f.window_limited:
        return
    acked = float(f.acked)
    if f.cwnd < f.ssthresh:
        grown = min(acked, f.ssthresh - f.cwnd)
        f.cwnd += grown
        acked -= grown
    ratio = min(f.goodput / f.parameter, 1.0) if f.parameter > 0.0 else 0.0
    f.cwnd += (SLOPE * ratio + INTERCEPT) * acked / f.cwnd


class Mltcp(Controller, name="mltcp"):
    """NewReno, faster the more of its transfer has arrived (arXiv 2402.09589)."""

    conserves: ClassVar = True
    sized: ClassVar = True
    events: ClassVar = Events(
        start=newreno.start,
        on_ack=on_ack,
        on_loss=newreno.on_loss,
        on_mark=newreno.on_loss,
        on_timeout=newreno.on_timeout,
    )
