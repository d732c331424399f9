"""What BBR version 3 knows of its path: bandwidths, volumes in flight, and how losses change them.

After draft-ietf-ccwg-bbr-05, whose sections are cited by number; :mod:`astraea.congestion.controllers.bbr3` is
the state machine that acts on it.
"""

from __future__ import annotations

import numpy as np

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import INF, INITIAL_WINDOW, RECOVERY, Connection
from astraea.congestion.controllers import filters
from astraea.congestion.controllers.filters import Filter

__all__ = [
    "BETA",
    "CRUISE",
    "CWND_GAINS",
    "DOWN",
    "DRAIN",
    "FLOOR",
    "LOSS",
    "PACING_GAINS",
    "PROBE_RTT",
    "REFILL",
    "STARTUP",
    "UP",
    "State",
    "check_full",
    "check_startup_loss",
    "note_deliveries",
    "one_pipe",
    "probe_window",
    "quantised",
    "reset_full",
    "save_state",
    "too_high",
    "update_aggregation",
    "with_headroom",
]

STARTUP, DRAIN, DOWN, CRUISE, REFILL, UP, PROBE_RTT = range(7)
PACING_GAINS = (2.77, 0.5, 0.9, 1.0, 1.0, 1.25, 1.0)
CWND_GAINS = (2.0, 2.0, 2.0, 2.0, 2.0, 2.25, 0.5)


class State:
    """What it keeps between acknowledgements."""

    mode: int
    bw: float  # packets per second, as are all bandwidths
    max_bw: float
    bw_cycle: float  # greatest sample of this cycle of probing ...
    bw_last_cycle: float  # ... and of the last
    bw_latest: float  # greatest of this round trip
    bw_shortterm: float
    inflight_latest: float
    inflight_shortterm: float
    inflight_longterm: float
    min_rtt: int
    min_rtt_at: int
    probe_min_rtt: int  # smallest since the last PROBE_RTT was due
    probe_min_rtt_at: int
    probe_end: int  # of PROBE_RTT; 0: inflight has not fallen yet
    probe_round: int
    full_bw: float
    full_rounds: int
    full_now: int
    full_reached: int
    drain_round: int
    cycle_at: int
    probe_wait: int
    probe_rounds: int  # rounds since bandwidth was probed for
    ack_phase: int
    probing: int  # whether losses are of packets sent while probing
    up_rounds: int
    up_acks: float
    up_step: float  # packets acknowledged per packet of growth of inflight_longterm
    loss_in_round: int
    loss_events: int
    loss_round_end: int
    loss_round_start: int
    extra_acks: Filter
    extra_acked: float
    extra_sum: float
    extra_at: int
    prior_cwnd: float
    restarted: int
    undo_mode: int
    undo_bw_shortterm: float
    undo_inflight_shortterm: float
    undo_inflight_longterm: float


LOSS, BETA, FLOOR = 0.02, 0.7, 4.0
_HEADROOM = 0.15
_STARTUP_LOSSES = 6  # acknowledgements with losses in a round that may end STARTUP
_EXTRA_ROUNDS = 10.0


@inlined
def note_deliveries(f: Connection, c: State, rate: float) -> None:
    """Update the greatest bandwidth, and the lower bounds once per round with losses (5.5.5, 5.5.10.3)."""
    c.loss_round_start = 0
    c.bw_latest = max(c.bw_latest, rate)
    c.inflight_latest = max(c.inflight_latest, f.sample_delivered)
    if f.sample_prior >= c.loss_round_end:
        c.loss_round_end = f.delivered
        c.loss_round_start = 1
    if rate > 0.0 and (rate >= c.max_bw or not f.sample_limited):
        c.bw_cycle = max(c.bw_cycle, rate)
        c.max_bw = max(c.bw_cycle, c.bw_last_cycle)
    if c.loss_round_start:
        if c.loss_in_round and c.mode != STARTUP and c.mode != REFILL and c.mode != UP:
            bw = c.max_bw if c.bw_shortterm == np.inf else c.bw_shortterm
            inflight = f.cwnd if c.inflight_shortterm == np.inf else c.inflight_shortterm
            c.bw_shortterm = max(c.bw_latest, BETA * bw)
            c.inflight_shortterm = max(c.inflight_latest, BETA * inflight)
        c.loss_in_round = 0


@inlined
def update_aggregation(f: Connection, c: State, now: int) -> None:
    """Estimate by how much acknowledgements come in lumps (5.5.9)."""
    expected = c.bw * (now - c.extra_at) * 1e-9
    if c.extra_sum <= expected:
        c.extra_sum = 0.0
        c.extra_at = now
        expected = 0.0
    c.extra_sum += f.acked
    extra = min(c.extra_sum - expected, f.cwnd)
    rounds = _EXTRA_ROUNDS if c.full_reached else 1.0
    c.extra_acked = filters.windowed_max(c.extra_acks, extra, float(f.rounds), rounds)


@inlined
def check_full(f: Connection, c: State, rate: float) -> None:
    """The pipe is full when three rounds have not raised the rate by a quarter (5.3.1.2)."""
    if c.full_now or not f.round_start or f.sample_limited:
        return
    if rate >= c.full_bw * 1.25:
        reset_full(c, rate)
        return
    c.full_rounds += 1
    if c.full_rounds >= 3:
        c.full_now = 1
        c.full_reached = 1


@inlined
def reset_full(c: State, rate: float) -> None:
    """Look for a full pipe anew, from ``rate`` on."""
    c.full_bw = rate
    c.full_rounds = 0
    c.full_now = 0


@inlined
def check_startup_loss(f: Connection, c: State) -> None:
    """End STARTUP where a round of recovery loses too much (5.3.1.3)."""
    if c.full_reached:
        return
    if f.newly_lost > 0:
        c.loss_events += 1
    if c.loss_round_start:
        if c.loss_events >= _STARTUP_LOSSES and f.recovering == RECOVERY and too_high(f.sample_lost, f.sample_inflight):
            c.full_reached = 1
            c.inflight_longterm = max(c.bw * c.min_rtt * 1e-9, c.inflight_latest)
        c.loss_events = 0


@inlined
def too_high(lost: float, inflight: float) -> bool:
    """Return whether ``lost`` of ``inflight`` packets are more than may be."""
    return lost > LOSS * inflight


@inlined
def probe_window(c: State) -> float:
    """Return the window of PROBE_RTT: half a bandwidth-delay product."""
    return float(max(CWND_GAINS[PROBE_RTT] * c.bw * c.min_rtt * 1e-9, FLOOR))


@inlined
def with_headroom(c: State) -> float:
    """Return what may be in flight for a long time, less some room for others."""
    if c.inflight_longterm == np.inf:
        return np.inf
    return float(max(c.inflight_longterm - max(1.0, _HEADROOM * c.inflight_longterm), FLOOR))


@inlined
def one_pipe(f: Connection, c: State, bandwidth: float) -> float:
    """Return one bandwidth-delay product at ``bandwidth``, quantised."""
    if c.min_rtt == INF:
        return INITIAL_WINDOW
    return quantised(f, c, bandwidth * c.min_rtt * 1e-9)


@inlined
def quantised(f: Connection, c: State, window: float) -> float:
    """Return ``window``, at least what bursts of the sending host hold back (5.6.4.2)."""
    quantum = max(min(f.pacing_rate * 1e-3, 65_536.0 / f.wire_bytes), 2.0)
    window = max(window, 3.0 * quantum, FLOOR)
    return window + 2.0 if c.mode == UP else window


@inlined
def save_state(c: State) -> None:
    """Remember what an undo is to bring back (5.5.11.1)."""
    c.undo_mode = c.mode
    c.undo_bw_shortterm = c.bw_shortterm
    c.undo_inflight_shortterm = c.inflight_shortterm
    c.undo_inflight_longterm = c.inflight_longterm
