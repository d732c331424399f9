"""BBR version 3: probe for bandwidth now and then, and give way where losses say so.

After draft-ietf-ccwg-bbr-05, whose names are kept where they are short; what a section prescribes is cited by its
number. One thing is added to its pseudocode, as in Linux: the phase in which the samples of a probe still arrive
ends with the round in which they did (5.3.3.6), since the filter of the bandwidth would forget a cycle per round
otherwise. The draft does not answer congestion marks, and neither does this.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import INF, INITIAL_WINDOW, LIMITED, NO_THRESHOLD, Connection, Sent
from astraea.congestion.controllers import bbr3_cycle as cycle
from astraea.congestion.controllers import bbr3_model as model
from astraea.congestion.controllers import filters
from astraea.congestion.controllers.bbr import window_before
from astraea.congestion.controllers.bbr3_model import (
    BETA,
    CRUISE,
    CWND_GAINS,
    DOWN,
    DRAIN,
    FLOOR,
    LOSS,
    PACING_GAINS,
    PROBE_RTT,
    REFILL,
    STARTUP,
    UP,
    State,
)
from astraea.congestion.controllers.controller import Controller, Events

__all__ = [
    "CRUISE",
    "DOWN",
    "DRAIN",
    "PROBE_RTT",
    "REFILL",
    "STARTUP",
    "UP",
    "Bbr3",
    "State",
    "on_ack",
    "on_loss",
    "on_packet_lost",
    "on_recovered",
    "on_restart",
    "on_timeout",
    "on_undo",
    "start",
]

_MARGIN = 0.99  # pace a little below the estimate
_MIN_RTT_AGE, _PROBE_AGE, _PROBE_TIME = 10_000_000_000, 5_000_000_000, 200_000_000
_FIRST_RTT = 1e6


@inlined
def start(f: Connection, c: State, now: int) -> None:
    """Begin STARTUP, pacing as if the round trip took a millisecond (5.6.2)."""
    f.cwnd = INITIAL_WINDOW
    f.ssthresh = NO_THRESHOLD
    f.pacing_rate = PACING_GAINS[STARTUP] * INITIAL_WINDOW * 1e9 / _FIRST_RTT
    c.mode = STARTUP
    c.bw_shortterm = c.inflight_shortterm = c.inflight_longterm = np.inf
    c.undo_bw_shortterm = c.undo_inflight_shortterm = c.undo_inflight_longterm = np.inf
    c.min_rtt = c.probe_min_rtt = INF
    c.probe_min_rtt_at = c.min_rtt_at = c.extra_at = now
    c.up_step = np.inf
    filters.clear(c.extra_acks)


@inlined
def on_ack(f: Connection, c: State, now: int) -> None:
    """Update the model and the state machine, then rate and window (5.2.3)."""
    if f.acked == 0:
        return
    rate = f.sample_delivered * 1e9 / f.sample_interval if f.sample_interval >= f.min_rtt else 0.0
    if f.round_start:
        c.probe_rounds += 1
    model.note_deliveries(f, c, rate)
    model.update_aggregation(f, c, now)
    model.check_full(f, c, rate)
    model.check_startup_loss(f, c)
    if c.mode == STARTUP and c.full_reached:
        c.mode = DRAIN
        c.drain_round = f.rounds
    if c.mode == DRAIN and (f.inflight <= model.one_pipe(f, c, c.bw) or f.rounds > c.drain_round + 3):
        cycle.start_down(f, c, now)
    if c.full_reached:
        cycle.adapt_longterm(f, c)
        cycle.advance_cycle(f, c, rate, now)
    _update_min_rtt(f, c, now)
    _check_probe_rtt(f, c, now)
    if c.loss_round_start:
        c.bw_latest = rate
        c.inflight_latest = f.sample_delivered
    c.bw = min(c.max_bw, c.bw_shortterm)
    pace = PACING_GAINS[c.mode] * c.bw * _MARGIN
    if pace > 0.0 and (c.full_reached or pace > f.pacing_rate):
        f.pacing_rate = pace
    _set_window(f, c)


@inlined
def _update_min_rtt(f: Connection, c: State, now: int) -> None:
    """Keep the smallest round-trip time of ten seconds, looked for every five (5.3.4.3)."""
    expired = now > c.probe_min_rtt_at + _PROBE_AGE
    if f.last_rtt < c.probe_min_rtt or expired:
        c.probe_min_rtt = f.last_rtt
        c.probe_min_rtt_at = now
    if c.probe_min_rtt < c.min_rtt or now > c.min_rtt_at + _MIN_RTT_AGE:
        c.min_rtt = c.probe_min_rtt
        c.min_rtt_at = c.probe_min_rtt_at
    if expired and c.mode != PROBE_RTT and not c.restarted:
        c.prior_cwnd = window_before(f, c.prior_cwnd, c.mode == PROBE_RTT)
        c.mode = PROBE_RTT
        c.probe_end = 0
        c.ack_phase = cycle.STOPPING
        f.round_end = f.delivered
    c.restarted = 0


@inlined
def _check_probe_rtt(f: Connection, c: State, now: int) -> None:
    if c.mode != PROBE_RTT:
        return
    f.limited_until = f.delivered + f.inflight  # low rates of this time do not count
    if c.probe_end == 0:
        if f.inflight <= model.probe_window(c):
            c.probe_end = now + _PROBE_TIME
            c.probe_round = 0
            f.round_end = f.delivered
        return
    if f.round_start:
        c.probe_round = 1
    if c.probe_round and now > c.probe_end:
        _leave_probe_rtt(f, c, now)


@inlined
def _leave_probe_rtt(f: Connection, c: State, now: int) -> None:
    c.probe_min_rtt_at = now
    f.cwnd = max(f.cwnd, c.prior_cwnd)
    c.bw_shortterm = c.inflight_shortterm = np.inf
    if c.full_reached:
        cycle.start_down(f, c, now)
        c.mode = CRUISE
    else:
        c.mode = STARTUP


@inlined
def _set_window(f: Connection, c: State) -> None:
    """Grow towards the model's window by what arrives, and fall to it at once (5.6.4.6, 5.6.4.7)."""
    most = INITIAL_WINDOW
    if c.min_rtt < INF:
        most = model.quantised(f, c, CWND_GAINS[c.mode] * c.bw * c.min_rtt * 1e-9 + c.extra_acked)
    if c.full_reached:
        f.cwnd = min(f.cwnd + f.acked, most)
    elif f.cwnd < most or f.delivered < INITIAL_WINDOW:
        f.cwnd += f.acked
    f.cwnd = max(f.cwnd, FLOOR)
    if c.mode == PROBE_RTT:
        f.cwnd = min(f.cwnd, model.probe_window(c))
    cap = c.inflight_shortterm
    if c.mode == CRUISE or c.mode == PROBE_RTT:
        cap = min(cap, model.with_headroom(c))
    elif c.mode >= DOWN:
        cap = min(cap, c.inflight_longterm)
    f.cwnd = min(f.cwnd, max(cap, FLOOR))


@inlined
def on_packet_lost(f: Connection, c: State, packet: Sent, now: int) -> None:
    """Find at what volume in flight losses became too many, and stop probing there (5.5.10.2)."""
    if not c.loss_in_round:
        c.loss_round_end = f.delivered
        model.save_state(c)
    c.loss_in_round = 1
    if not c.probing:
        return
    inflight, lost = float(packet.inflight), float(f.lost - packet.lost)
    if not model.too_high(lost, inflight):
        return
    c.probing = 0
    if not packet.status & LIMITED:
        before = inflight - 1.0
        at_loss = before + (LOSS * before - (lost - 1.0)) / (1.0 - LOSS)
        c.inflight_longterm = max(at_loss, BETA * min(c.bw * c.min_rtt * 1e-9, f.cwnd))
    if c.mode == UP:
        cycle.start_down(f, c, now)


@inlined
def on_loss(f: Connection, c: State, now: int) -> None:
    """Remember the window that recovery is to return to."""
    c.prior_cwnd = f.cwnd if c.mode != PROBE_RTT else max(c.prior_cwnd, f.cwnd)


@inlined
def on_recovered(f: Connection, c: State, now: int) -> None:
    """Return to it; the model bounds it."""
    f.cwnd = max(f.cwnd, c.prior_cwnd)


@inlined
def on_timeout(f: Connection, c: State, now: int) -> None:
    """Send a single packet (5.6.4.4)."""
    c.prior_cwnd = window_before(f, c.prior_cwnd, c.mode == PROBE_RTT)
    model.save_state(c)
    f.cwnd = 1.0


@inlined
def on_undo(f: Connection, c: State, now: int) -> None:
    """Take back what losses that were none have changed (5.5.11.2)."""
    c.loss_in_round = 0
    model.reset_full(c, 0.0)
    c.bw_shortterm = max(c.bw_shortterm, c.undo_bw_shortterm)
    c.inflight_shortterm = max(c.inflight_shortterm, c.undo_inflight_shortterm)
    c.inflight_longterm = max(c.inflight_longterm, c.undo_inflight_longterm)
    if c.mode != PROBE_RTT and c.mode != c.undo_mode:
        if c.undo_mode == STARTUP:
            c.mode = STARTUP
        elif c.undo_mode == UP:
            cycle.start_up(f, c, 0.0)


@inlined
def on_restart(f: Connection, c: State, now: int) -> None:
    """After idleness, go on at the estimated bandwidth (5.4.1)."""
    c.restarted = 1
    c.extra_at = now
    if DOWN <= c.mode <= UP:
        f.pacing_rate = c.bw * _MARGIN
    elif c.mode == PROBE_RTT and 0 < c.probe_end < now:
        _leave_probe_rtt(f, c, now)


class Bbr3(Controller, name="bbr3"):
    """The same, version 3: gives way where losses say so (draft-ietf-ccwg-bbr)."""

    state: ClassVar = State
    events: ClassVar = Events(
        start=start,
        on_ack=on_ack,
        on_loss=on_loss,
        on_packet_lost=on_packet_lost,
        on_recovered=on_recovered,
        on_timeout=on_timeout,
        on_undo=on_undo,
        on_restart=on_restart,
    )
