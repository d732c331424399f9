"""Copa: steer to the rate ``1 / (delta * queueing delay)`` (Arun and Balakrishnan, NSDI 2018).

The queueing delay is the smallest round-trip time of the last half of one, less the smallest of ten seconds.
Copa flows oscillate so that the queue empties every five round trips; where it does not, others fill it, and
Copa competes: ``1 / delta`` then rises by one per round trip and halves at losses, as AIMD would.

Outside competition losses do not count, as in the paper. So where the buffer cannot hold what Copa would queue, nothing
says stop: a flow that joined a full queue takes it for distance, sees no queueing delay, has no bound on its target,
and doubles its window whatever is lost. With fair shares below a packet, or a buffer of two, it loses nine in ten.
"""

from __future__ import annotations

from typing import ClassVar

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import FLOOR, INITIAL_WINDOW, NO_THRESHOLD, OPEN, Connection
from astraea.congestion.controllers import filters
from astraea.congestion.controllers.controller import Controller, Events
from astraea.congestion.controllers.filters import Filter

__all__ = ["DELTA", "Copa", "State", "on_ack", "on_loss", "on_timeout", "start"]


class State:
    """What it keeps between acknowledgements."""

    standing_rtt: Filter  # smallest round-trip time of the last half of one
    base_rtt: Filter  # smallest of ten seconds
    peak_rtt: Filter  # greatest of four round trips
    starting: int
    delta_inverse: float
    velocity: float
    rising: int  # direction of the last round trip
    same: int  # round trips in that direction
    last_cwnd: float  # window when the round trip began
    empty_at: int  # when the queue was last nearly empty
    lost: int  # whether this round trip saw losses


DELTA = 0.5
_BASE_WINDOW = 10e9
_STEADY_ROUNDS = 3  # in one direction before the velocity doubles
_NEARLY_EMPTY = 0.1  # of the queueing delay's range
_EMPTY_ROUNDS = 5.0


@inlined
def start(f: Connection, c: State, now: int) -> None:
    """Begin by doubling per round trip."""
    f.cwnd = INITIAL_WINDOW
    f.ssthresh = NO_THRESHOLD
    filters.clear(c.standing_rtt)
    filters.clear(c.base_rtt)
    filters.clear(c.peak_rtt)
    c.starting = 1
    c.delta_inverse = 1.0 / DELTA
    c.velocity = 1.0
    c.rising = 1
    c.same = 0
    c.last_cwnd = f.cwnd
    c.empty_at = now


@inlined
def on_ack(f: Connection, c: State, now: int) -> None:
    """Move the window towards the target rate by ``velocity / (delta * cwnd)`` per packet."""
    if f.acked == 0:
        return
    rtt = float(f.last_rtt)
    standing = filters.windowed_min(c.standing_rtt, rtt, now, 0.5 * f.srtt)
    base = filters.windowed_min(c.base_rtt, rtt, now, _BASE_WINDOW)
    peak = filters.windowed_max(c.peak_rtt, rtt, now, 4.0 * f.srtt)
    waiting = standing - base
    if waiting <= _NEARLY_EMPTY * (peak - base):
        c.empty_at = now
    below = waiting * f.cwnd <= c.delta_inverse * standing  # current rate <= target rate
    if c.starting:
        if below:
            if f.window_limited:
                f.cwnd += f.acked
        else:
            c.starting = 0
    if not c.starting:
        if f.round_start:
            _turn_round(f, c, now)
        if below != c.rising and c.velocity > 1.0:
            c.velocity = 1.0
            c.same = 0
            c.rising = below
        step = f.acked * min(c.velocity * c.delta_inverse / f.cwnd, 1.0)  # at most twice per round trip
        if not below:
            f.cwnd = max(f.cwnd - step, FLOOR)
        elif f.window_limited:
            f.cwnd += step
    f.pacing_rate = 2.0 * f.cwnd * 1e9 / standing


@inlined
def _turn_round(f: Connection, c: State, now: int) -> None:
    """Once per round trip: adapt the velocity, and delta to the company."""
    rising = f.cwnd > c.last_cwnd
    c.same = c.same + 1 if rising == c.rising else 0
    c.rising = rising
    c.velocity = 2.0 * c.velocity if c.same >= _STEADY_ROUNDS else 1.0
    c.last_cwnd = f.cwnd
    if now - c.empty_at <= _EMPTY_ROUNDS * f.srtt:
        c.delta_inverse = 1.0 / DELTA
    elif c.lost:
        c.delta_inverse = max(0.5 * c.delta_inverse, 1.0 / DELTA)
    else:
        c.delta_inverse += 1.0
    c.lost = 0


@inlined
def on_loss(f: Connection, c: State, now: int) -> None:
    """Losses matter in competition only."""
    c.lost = 1


@inlined
def on_timeout(f: Connection, c: State, now: int) -> None:
    """Start over."""
    if f.recovering == OPEN:
        c.starting = 1
        c.velocity = 1.0
    f.cwnd = FLOOR


class Copa(Controller, name="copa"):
    """Rate inverse to the queueing delay, with a mode for competition."""

    state: ClassVar = State
    events: ClassVar = Events(
        start=start,
        on_ack=on_ack,
        on_loss=on_loss,
        on_timeout=on_timeout,
    )
