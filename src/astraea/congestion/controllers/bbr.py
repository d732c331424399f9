"""BBR version 1: model the path by its bandwidth and base round-trip time, and send at that rate.

After draft-cardwell-iccrg-bbr-congestion-control-00 and Linux' tcp_bbr, without the detection of policers
(long-term bandwidth) and without the allowance for aggregated acknowledgements that Linux added later.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import INF, INITIAL_WINDOW, NO_THRESHOLD, OPEN, Connection
from astraea.congestion.controllers import filters
from astraea.congestion.controllers.controller import Controller, Events
from astraea.congestion.controllers.filters import Filter
from astraea.congestion.rng import uniform

__all__ = [
    "DRAIN",
    "PROBE_BW",
    "PROBE_RTT",
    "STARTUP",
    "Bbr",
    "State",
    "on_ack",
    "on_loss",
    "on_recovered",
    "on_restart",
    "on_timeout",
    "start",
    "window_before",
]

STARTUP, DRAIN, PROBE_BW, PROBE_RTT = range(4)


class State:
    """What it keeps between acknowledgements."""

    mode: int
    bandwidth: float  # packets per second: greatest of ten rounds
    rates: Filter
    base_rtt: int
    base_at: int
    pacing_gain: float
    cwnd_gain: float
    full: int  # whether start-up has found the bandwidth
    full_bandwidth: float
    full_rounds: int
    phase: int  # of the gain cycle
    phase_at: int
    probe_end: int  # of PROBE_RTT; 0: inflight has not fallen yet
    probe_round: int  # whether a round has passed meanwhile
    conserving: int  # first round of recovery
    prior_cwnd: float
    restarted: int  # whether idleness has just emptied the queue anyway


HIGH_GAIN = 2.0 / np.log(2.0)
_CWND_GAIN = 2.0
_CYCLE = 8
_RATE_ROUNDS = 10.0
_BASE_AGE = 10_000_000_000
_PROBE_TIME = 200_000_000
_FLOOR = 4.0
_GROWTH, _FULL_ROUNDS = 1.25, 3
_MARGIN = 0.99  # pace a little below the estimate, as Linux does
_FIRST_RTT = 1e6


@inlined
def start(f: Connection, c: State, now: int) -> None:
    """Begin STARTUP, pacing as if the round trip took a millisecond."""
    f.cwnd = INITIAL_WINDOW
    f.ssthresh = NO_THRESHOLD
    filters.clear(c.rates)
    c.bandwidth = 0.0
    c.base_rtt = INF
    c.base_at = now
    c.mode = STARTUP
    c.pacing_gain = HIGH_GAIN
    c.cwnd_gain = HIGH_GAIN
    f.pacing_rate = HIGH_GAIN * INITIAL_WINDOW * 1e9 / _FIRST_RTT


@inlined
def on_ack(f: Connection, c: State, now: int) -> None:
    """Update the model, then rate and window."""
    if f.round_start:
        c.conserving = 0
    _update_bandwidth(f, c)
    if c.mode == PROBE_BW:
        _advance_cycle(f, c, now)
    _check_full(f, c)
    if c.mode == STARTUP and c.full:
        c.mode = DRAIN
        c.pacing_gain = 1.0 / HIGH_GAIN
        c.cwnd_gain = HIGH_GAIN
    if c.mode == DRAIN and f.inflight <= _target(f, c, 1.0):
        _enter_probe_bw(f, c, now)
    _update_base(f, c, now)
    rate = c.pacing_gain * c.bandwidth * _MARGIN
    if rate > 0.0 and (c.full or rate > f.pacing_rate):
        f.pacing_rate = rate
    _set_window(f, c)


@inlined
def _update_bandwidth(f: Connection, c: State) -> None:
    if f.acked == 0 or f.sample_interval < f.min_rtt:
        return
    rate = f.sample_delivered * 1e9 / f.sample_interval
    if not f.sample_limited or rate >= c.bandwidth:
        c.bandwidth = filters.windowed_max(c.rates, rate, float(f.rounds), _RATE_ROUNDS)


@inlined
def _target(f: Connection, c: State, gain: float) -> float:
    """Return the window for ``gain`` bandwidth-delay products, with room for what bursts hold back."""
    if c.base_rtt == INF or c.bandwidth <= 0.0:
        return INITIAL_WINDOW
    window = np.ceil(gain * c.bandwidth * c.base_rtt * 1e-9) + 3.0 * f.burst
    if c.mode == PROBE_BW and c.phase == 0:
        window += 2.0
    return float(window)


@inlined
def _advance_cycle(f: Connection, c: State, now: int) -> None:
    """Spend a base round trip in each phase: 5/4 until it fills, 3/4 until it drains, then six of 1."""
    full = now - c.phase_at > c.base_rtt
    if c.pacing_gain > 1.0:
        over = full and (f.newly_lost > 0 or f.prior_inflight >= _target(f, c, c.pacing_gain))
    elif c.pacing_gain < 1.0:
        over = full or f.prior_inflight <= _target(f, c, 1.0)
    else:
        over = full
    if over:
        _set_phase(c, (c.phase + 1) % _CYCLE, now)


@inlined
def _set_phase(c: State, phase: int, now: int) -> None:
    c.phase = phase
    c.phase_at = now
    c.pacing_gain = 1.25 if phase == 0 else (0.75 if phase == 1 else 1.0)


@inlined
def _enter_probe_bw(f: Connection, c: State, now: int) -> None:
    """Begin the cycle at a random phase, but not by draining."""
    c.mode = PROBE_BW
    c.cwnd_gain = _CWND_GAIN
    drawn = int(uniform(f) * (_CYCLE - 1))
    _set_phase(c, 0 if drawn == 0 else drawn + 1, now)


@inlined
def _check_full(f: Connection, c: State) -> None:
    """The pipe is full when three rounds have not raised the bandwidth by a quarter."""
    if c.full or not f.round_start or f.sample_limited:
        return
    if c.bandwidth >= c.full_bandwidth * _GROWTH:
        c.full_bandwidth = c.bandwidth
        c.full_rounds = 0
        return
    c.full_rounds += 1
    c.full = c.full_rounds >= _FULL_ROUNDS


@inlined
def _update_base(f: Connection, c: State, now: int) -> None:
    """Keep the smallest round-trip time; when it is ten seconds old, empty the queue to see it again."""
    expired = now > c.base_at + _BASE_AGE
    if f.acked > 0 and (f.last_rtt <= c.base_rtt or expired):
        c.base_rtt = f.last_rtt
        c.base_at = now
    if expired and c.mode != PROBE_RTT and not c.restarted:
        c.mode = PROBE_RTT
        c.pacing_gain = 1.0
        c.cwnd_gain = 1.0
        c.prior_cwnd = window_before(f, c.prior_cwnd, c.mode == PROBE_RTT)
        c.probe_end = 0
    if f.acked > 0:
        c.restarted = 0
    if c.mode != PROBE_RTT:
        return
    if c.probe_end == 0:
        if f.inflight <= _FLOOR:
            c.probe_end = now + _PROBE_TIME
            c.probe_round = 0
            f.round_end = f.delivered
    else:
        if f.round_start:
            c.probe_round = 1
        if c.probe_round and now > c.probe_end:
            c.base_at = now
            f.cwnd = max(f.cwnd, c.prior_cwnd)
            if c.full:
                _enter_probe_bw(f, c, now)
            else:
                c.mode = STARTUP
                c.pacing_gain = HIGH_GAIN
                c.cwnd_gain = HIGH_GAIN


@inlined
def window_before(f: Connection, earlier: float, probing: bool) -> float:
    """Return the window to come back to after PROBE_RTT or losses; ``earlier`` is what was to be come back to."""
    return f.cwnd if f.recovering == OPEN and not probing else max(earlier, f.cwnd)


@inlined
def _set_window(f: Connection, c: State) -> None:
    if f.newly_lost > 0:
        f.cwnd = max(f.cwnd - f.newly_lost, 1.0)
    if c.conserving:
        f.cwnd = max(f.cwnd, float(f.inflight + f.acked))
    else:
        target = _target(f, c, c.cwnd_gain)
        if c.full:
            f.cwnd = min(f.cwnd + f.acked, target)
        elif f.cwnd < target or f.delivered < INITIAL_WINDOW:
            f.cwnd += f.acked
        f.cwnd = max(f.cwnd, _FLOOR)
    if c.mode == PROBE_RTT:
        f.cwnd = min(f.cwnd, _FLOOR)


@inlined
def on_loss(f: Connection, c: State, now: int) -> None:
    """In the first round of recovery a packet leaves for each that arrived."""
    c.prior_cwnd = f.cwnd if c.mode != PROBE_RTT else max(c.prior_cwnd, f.cwnd)
    c.conserving = 1
    f.round_end = f.delivered
    f.cwnd = float(f.inflight + max(f.acked, 1))


@inlined
def on_restart(f: Connection, c: State, now: int) -> None:
    """After idleness, go on at the estimated bandwidth."""
    c.restarted = 1
    if c.mode == PROBE_BW:
        f.pacing_rate = c.bandwidth * _MARGIN


@inlined
def on_recovered(f: Connection, c: State, now: int) -> None:
    """Return to the window of before."""
    c.conserving = 0
    f.cwnd = max(f.cwnd, c.prior_cwnd)


@inlined
def on_timeout(f: Connection, c: State, now: int) -> None:
    """Start over from what is in flight, and look anew whether the pipe is full."""
    c.prior_cwnd = window_before(f, c.prior_cwnd, c.mode == PROBE_RTT)
    c.conserving = 0
    c.full_bandwidth = 0.0
    f.cwnd = 1.0


class Bbr(Controller, name="bbr"):
    """Model of bandwidth and base round-trip time, version 1."""

    state: ClassVar = State
    events: ClassVar = Events(
        start=start,
        on_ack=on_ack,
        on_loss=on_loss,
        on_recovered=on_recovered,
        on_timeout=on_timeout,
        on_restart=on_restart,
    )
