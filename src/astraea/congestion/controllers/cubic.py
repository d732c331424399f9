"""CUBIC (RFC 9438) with HyStart++ in its first slow start (RFC 9406).

A flow of weight w grows as w flows would, and gives up at a loss what one of them would (MulTCP: Crowcroft and
Oechslin, 1998), but the whole 0.3 when slow start ends, since all of them would have overshot.
"""

from __future__ import annotations

from typing import ClassVar

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import FLOOR, INITIAL_WINDOW, NO_THRESHOLD, OPEN, RECOVERY, Connection
from astraea.congestion.controllers import hystart
from astraea.congestion.controllers.controller import Controller, Events
from astraea.congestion.controllers.hystart import SlowStart

__all__ = ["BETA", "C", "Cubic", "State", "on_ack", "on_loss", "on_timeout", "on_undo", "start"]


class State(SlowStart):
    """What it keeps between acknowledgements."""

    w_max: float  # window of the last reduction
    k: float  # seconds from the epoch until the curve is back there
    origin: float  # window at the curve's plateau
    w_est: float  # window that NewReno would have
    prior: float  # window before the last reduction
    epoch: float  # when this congestion avoidance began, ns; 0: not yet
    undo_w_max: float  # the same before a timeout
    undo_k: float
    undo_origin: float
    undo_w_est: float
    undo_prior: float
    undo_epoch: float


C = 0.4  # packets per cubic second
BETA = 0.7
_ALPHA = 3.0 * (1.0 - BETA) / (1.0 + BETA)


@inlined
def start(f: Connection, c: State, now: int) -> None:
    """Begin in slow start."""
    f.cwnd = INITIAL_WINDOW
    f.ssthresh = NO_THRESHOLD
    hystart.begin(c)


@inlined
def on_ack(f: Connection, c: State, now: int) -> None:
    """Grow: exponentially in slow start, then along the cubic, or as NewReno would if that is more."""
    if f.recovering == RECOVERY or f.acked == 0:
        return
    if not f.window_limited:
        c.epoch = 0.0  # time without data to send must not move the curve on (RFC 9438, 5.8)
        return
    if f.cwnd < f.ssthresh:
        if f.ssthresh < NO_THRESHOLD:
            f.cwnd += f.acked
            return
        grown = hystart.growth(f, c)
        if grown >= 0.0:
            f.cwnd += grown
            return
        f.ssthresh = f.cwnd
    _avoid(f, c, now)


@inlined
def _avoid(f: Connection, c: State, now: int) -> None:
    """Congestion avoidance (RFC 9438, 4.2 to 4.5)."""
    if c.epoch == 0.0:
        c.epoch = float(now)
        c.w_est = f.cwnd
        c.origin = max(c.w_max, f.cwnd)
        c.k = ((c.origin - f.cwnd) / (f.parameter * C)) ** (1.0 / 3.0)
    pull = f.parameter * C
    elapsed = (now - c.epoch) * 1e-9 - c.k
    ahead = elapsed + f.srtt * 1e-9
    share = f.acked / f.cwnd
    c.w_est += share * f.parameter * (1.0 if c.w_est >= c.prior else _ALPHA)
    if c.origin + pull * elapsed * elapsed * elapsed < c.w_est:
        f.cwnd = max(f.cwnd, c.w_est)
    else:
        target = c.origin + pull * ahead * ahead * ahead
        f.cwnd += share * (min(max(target, f.cwnd), 1.5 * f.cwnd) - f.cwnd)


@inlined
def on_loss(f: Connection, c: State, now: int) -> None:
    """Fall to 0.7 of the window, and aim lower than last time if it was not reached (fast convergence)."""
    kept = _kept(f)
    c.w_max = f.cwnd * (1.0 + kept) / 2.0 if f.cwnd < c.w_max else f.cwnd
    c.prior = f.cwnd
    c.epoch = 0.0
    f.ssthresh = max(kept * f.cwnd, FLOOR)


@inlined
def _kept(f: Connection) -> float:
    """Return the share of the window that a loss leaves."""
    if f.ssthresh >= NO_THRESHOLD:
        return BETA
    return 1.0 - (1.0 - BETA) / max(f.parameter, 1.0)


@inlined
def on_timeout(f: Connection, c: State, now: int) -> None:
    """Start over from one packet; the next curve begins at its plateau (RFC 9438, 4.8)."""
    if f.recovering == OPEN:
        c.undo_w_max, c.undo_k, c.undo_origin = c.w_max, c.k, c.origin
        c.undo_w_est, c.undo_prior, c.undo_epoch = c.w_est, c.prior, c.epoch
        f.ssthresh = max(_kept(f) * f.cwnd, FLOOR)
    c.prior = f.cwnd
    c.w_max = 0.0
    c.epoch = 0.0
    f.cwnd = 1.0


@inlined
def on_undo(f: Connection, c: State, now: int) -> None:
    """Go on with the curve of before (RFC 9438, 4.9)."""
    c.w_max, c.k, c.origin = c.undo_w_max, c.undo_k, c.undo_origin
    c.w_est, c.prior, c.epoch = c.undo_w_est, c.undo_prior, c.undo_epoch


class Cubic(Controller, name="cubic"):
    """Window as a cubic of time, HyStart++ (RFC 9438, RFC 9406)."""

    state: ClassVar = State
    weighs: ClassVar = True
    conserves: ClassVar = True
    events: ClassVar = Events(
        start=start,
        on_ack=on_ack,
        on_loss=on_loss,
        on_mark=on_loss,
        on_timeout=on_timeout,
        on_undo=on_undo,
    )
