"""Vegas: keep two to four packets of one's own in the queue (Brakmo and Peterson, JSAC 1995).

Once per round trip it compares the rate it gets with the rate that an empty path would give. The difference
times the base round-trip time is how many of its packets wait: ``cwnd * (1 - base / rtt)``.
"""

from __future__ import annotations

from typing import ClassVar

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import FLOOR, INF, OPEN, Connection
from astraea.congestion.controllers import newreno
from astraea.congestion.controllers.controller import Controller, Events

__all__ = ["ALPHA", "BETA", "State", "Vegas", "on_ack", "on_loss", "on_timeout", "start"]


class State:
    """What it keeps between acknowledgements."""

    base_rtt: int
    round_rtt: int
    samples: int


ALPHA, BETA = 2.0, 4.0  # fewest and most packets waiting
_GAMMA = 1.0  # packets waiting that end slow start
_SAMPLES = 3  # round-trip times a round needs to be judged by


@inlined
def start(f: Connection, c: State, now: int) -> None:
    """Begin in slow start."""
    newreno.start(f, c, now)
    c.base_rtt = INF
    c.round_rtt = INF


@inlined
def on_ack(f: Connection, c: State, now: int) -> None:
    """Judge each round by its smallest round-trip time; double per round in slow start."""
    if f.acked == 0:
        return
    if f.round_start:
        if f.recovering == OPEN and f.window_limited and c.samples >= _SAMPLES:
            _judge(f, c)
        c.round_rtt = INF
        c.samples = 0
    c.base_rtt = min(c.base_rtt, f.last_rtt)
    c.round_rtt = min(c.round_rtt, f.last_rtt)
    c.samples += 1
    if f.cwnd < f.ssthresh or f.recovering != OPEN:
        newreno.on_ack(f, c, now)


@inlined
def _judge(f: Connection, c: State) -> None:
    fits = f.cwnd * c.base_rtt / c.round_rtt
    waiting = f.cwnd - fits
    if f.cwnd < f.ssthresh:
        if waiting > _GAMMA:
            f.cwnd = max(min(f.cwnd, fits + 1.0), FLOOR)
            f.ssthresh = f.cwnd
    elif waiting < ALPHA:
        f.cwnd += 1.0
    elif waiting > BETA:
        f.cwnd = max(f.cwnd - 1.0, FLOOR)
        f.ssthresh = min(f.ssthresh, f.cwnd)


@inlined
def on_loss(f: Connection, c: State, now: int) -> None:
    """Halve, as NewReno."""
    newreno.on_loss(f, c, now)


@inlined
def on_timeout(f: Connection, c: State, now: int) -> None:
    """Start over, as NewReno."""
    newreno.on_timeout(f, c, now)


class Vegas(Controller, name="vegas"):
    """Two to four packets of its own in the queue."""

    state: ClassVar = State
    conserves: ClassVar = True
    events: ClassVar = Events(
        start=start,
        on_ack=on_ack,
        on_loss=on_loss,
        on_mark=on_loss,
        on_timeout=on_timeout,
    )
