"""A rate controller in the style of Aurora: actions change the sending rate (Jay et al., ICML 2019).

An action ``a`` in [-1, 1] changes the rate to ``rate * (1 + gain * a)`` for ``a >= 0`` and to
``rate / (1 - gain * a)`` for ``a < 0``. No window binds it but a cap of twice what the rate puts into a round
trip, so that a sender whose acknowledgements stay away stops. It begins with
:mod:`astraea.congestion.connection.startup`. Losses change nothing: they are the policy's to judge.
"""

from __future__ import annotations

from typing import ClassVar

from astraea.congestion.compiled import inlined
from astraea.congestion.connection import startup
from astraea.congestion.connection.record import INITIAL_WINDOW, NO_THRESHOLD, Connection
from astraea.congestion.connection.startup import Startup
from astraea.congestion.controllers.controller import Controller, Events

__all__ = ["Aurora", "State", "act", "on_ack", "on_loss", "on_timeout", "start"]


class State(Startup):
    """What it keeps between acknowledgements."""

    rate: float


_RATE_MIN = 10.0  # packets per second
_CAP = 2.0
_FLOOR = 4.0
_START_PACING = 2.0


@inlined
def start(f: Connection, c: State, now: int) -> None:
    """Begin the start-up phase."""
    startup.begin(c)
    f.cwnd = INITIAL_WINDOW
    f.ssthresh = NO_THRESHOLD


@inlined
def on_ack(f: Connection, c: State, now: int) -> None:
    """Grow while starting; keep the cap at the rate's."""
    if c.starting:
        f.cwnd += startup.growth(f, c)
        f.pacing_rate = _START_PACING * f.cwnd * 1e9 / f.srtt
        if not c.starting:
            _take_over(f, c)
    else:
        _enforce(f, c)


@inlined
def on_loss(f: Connection, c: State, now: int) -> None:
    """The first loss ends the start-up phase."""
    if c.starting:
        c.starting = 0
        _take_over(f, c)


@inlined
def on_timeout(f: Connection, c: State, now: int) -> None:
    """Nothing is known to arrive: halve the rate."""
    if c.starting:
        c.starting = 0
        c.rate = 2.0 * _RATE_MIN
    c.rate = max(0.5 * c.rate, _RATE_MIN)
    _enforce(f, c)


@inlined
def act(f: Connection, c: State, action: float) -> None:
    """Apply ``action`` in [-1, 1] to the rate."""
    if c.starting == 0:
        if action >= 0.0:
            c.rate *= 1.0 + f.gain * action
        else:
            c.rate /= 1.0 - f.gain * action
        c.rate = max(c.rate, _RATE_MIN)
        _enforce(f, c)


@inlined
def busy(f: Connection, c: State) -> int:
    """Return whether actions are not applied at present: while starting."""
    return c.starting


@inlined
def _take_over(f: Connection, c: State) -> None:
    c.rate = max(f.sample_delivered * 1e9 / max(f.sample_interval, f.min_rtt), _RATE_MIN)
    _enforce(f, c)


@inlined
def _enforce(f: Connection, c: State) -> None:
    f.pacing_rate = c.rate
    f.cwnd = min(max(_CAP * c.rate * f.srtt * 1e-9, _FLOOR), float(f.window_max))


class Aurora(Controller, name="aurora"):
    """A rate driven from outside."""

    state: ClassVar = State
    external: ClassVar = True
    events: ClassVar = Events(
        start=start,
        on_ack=on_ack,
        on_loss=on_loss,
        on_mark=on_loss,
        on_timeout=on_timeout,
        act=act,
        busy=busy,
    )
