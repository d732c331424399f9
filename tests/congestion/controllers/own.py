"""A user's own controller: one file, found by its import path."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from astraea.congestion import Connection, Controller, Events, inlined
from astraea.congestion.connection.record import FLOOR, INITIAL_WINDOW, NO_THRESHOLD, OPEN


class State:
    increase: float  # the settings
    decrease: float
    cuts: int


@inlined
def start(f: Connection, c: State, now: int) -> None:
    f.cwnd = INITIAL_WINDOW
    f.ssthresh = NO_THRESHOLD


@inlined
def on_ack(f: Connection, c: State, now: int) -> None:
    if f.recovering == OPEN and f.window_limited:
        f.cwnd += c.increase * f.acked / f.cwnd


@inlined
def on_loss(f: Connection, c: State, now: int) -> None:
    f.ssthresh = max(c.decrease * f.cwnd, FLOOR)
    c.cuts += 1


@inlined
def on_timeout(f: Connection, c: State, now: int) -> None:
    on_loss(f, c, now)
    f.cwnd = 1.0


class Own(Controller, name="own"):
    """Additive increase, multiplicative decrease, both to choose."""

    increase: float = Field(1.0, gt=0, description="packets per round trip")
    decrease: float = Field(0.5, gt=0, lt=1, description="factor on the window at a loss")

    state: ClassVar = State
    conserves: ClassVar = True
    events: ClassVar = Events(start, on_ack, on_loss, on_mark=on_loss, on_timeout=on_timeout)
