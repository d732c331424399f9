"""The cycle in which BBR version 3 probes for bandwidth: down, cruise, refill, up.

After draft-ietf-ccwg-bbr-05, whose sections are cited by number; :mod:`astraea.congestion.controllers.bbr3` goes
through it.
"""

from __future__ import annotations

import numpy as np

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import Connection
from astraea.congestion.controllers import bbr3_model as model
from astraea.congestion.controllers.bbr3_model import CRUISE, DOWN, REFILL, UP, State
from astraea.congestion.rng import uniform

__all__ = ["STOPPING", "adapt_longterm", "advance_cycle", "start_down", "start_up"]

_NO_ACKS, _REFILLING, _STARTING, _FEEDBACK, STOPPING = range(5)  # what acknowledgements tell of a probe


@inlined
def adapt_longterm(f: Connection, c: State) -> None:
    """Raise what may be in flight as long as losses are few (5.3.3.6)."""
    if c.ack_phase == _STARTING and f.round_start:
        c.ack_phase = _FEEDBACK
    if c.ack_phase == STOPPING and f.round_start:
        c.ack_phase = _NO_ACKS
        c.probing = 0
        if DOWN <= c.mode <= UP and not f.sample_limited:
            c.bw_last_cycle = c.bw_cycle
            c.bw_cycle = 0.0
            c.max_bw = c.bw_last_cycle
    if c.inflight_longterm == np.inf or model.too_high(f.sample_lost, f.sample_inflight):
        return
    c.inflight_longterm = max(c.inflight_longterm, f.sample_inflight)
    if c.mode == UP and f.window_limited and f.cwnd >= c.inflight_longterm:
        c.up_acks += f.acked
        if c.up_acks >= c.up_step:
            grown = np.floor(c.up_acks / c.up_step)
            c.up_acks -= grown * c.up_step
            c.inflight_longterm += grown
        if f.round_start:
            _steepen(f, c)


@inlined
def _steepen(f: Connection, c: State) -> None:
    """Double by how much inflight_longterm grows per round trip."""
    c.up_step = max(f.cwnd / float(1 << c.up_rounds), 1.0)
    c.up_rounds = min(c.up_rounds + 1, 30)


@inlined
def advance_cycle(f: Connection, c: State, rate: float, now: int) -> None:
    """Go down, cruise, refill and up in turn (5.3.3)."""
    if c.mode == DOWN or c.mode == CRUISE:
        rounds = min(min(c.bw * c.min_rtt * 1e-9, f.cwnd), 63.0)
        if now > c.cycle_at + c.probe_wait or c.probe_rounds >= rounds:
            c.bw_shortterm = c.inflight_shortterm = np.inf
            c.up_rounds = 0
            c.up_acks = 0.0
            c.ack_phase = _REFILLING
            f.round_end = f.delivered
            c.mode = REFILL
        elif c.mode == DOWN and f.inflight <= min(model.with_headroom(c), model.one_pipe(f, c, c.max_bw)):
            c.mode = CRUISE
    elif c.mode == REFILL:
        if f.round_start:
            c.probing = 1
            start_up(f, c, rate)
    elif c.mode == UP:
        if f.window_limited and f.cwnd >= c.inflight_longterm:
            model.reset_full(c, rate)
        elif c.full_now:
            start_down(f, c, now)


@inlined
def start_down(f: Connection, c: State, now: int) -> None:
    """Begin the cycle by giving way (5.3.3.1)."""
    c.loss_in_round = 0
    c.bw_latest = 0.0
    c.inflight_latest = 0.0
    c.up_step = np.inf
    c.probe_rounds = int(2.0 * uniform(f))
    c.probe_wait = int((2.0 + uniform(f)) * 1e9)
    c.cycle_at = now
    c.ack_phase = STOPPING
    f.round_end = f.delivered
    c.mode = DOWN


@inlined
def start_up(f: Connection, c: State, rate: float) -> None:
    """Probe for bandwidth (5.3.3.4)."""
    c.ack_phase = _STARTING
    f.round_end = f.delivered
    model.reset_full(c, rate)
    c.mode = UP
    _steepen(f, c)
