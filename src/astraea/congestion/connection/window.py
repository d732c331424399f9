"""The window controller that a learned policy drives: a multiplicative change per control interval.

An action ``a`` in [-1, 1] changes the window to ``cwnd * (1 + gain * a)`` for ``a >= 0`` and to
``cwnd / (1 - gain * a)`` for ``a < 0`` (the form of Astraea, EuroSys'24, eq. 3), not rounded to packets: that
would add a packet per interval to a small window whatever the policy wants. All is in integers
(:mod:`astraea.congestion.connection.motion`). Packets are paced over a smoothed round trip with a gain above one, so
that the window, not the pacer, is what binds. The enforced window stays at two packets or more; where the policy wants
less, the pace falls instead.

It begins with :mod:`astraea.congestion.connection.startup` and takes over at the window that fills the empty
path at the rate of delivery. Losses are the policy's to judge, so they do not change its window. What is
enforced differs from it for a while:

- In the first round trip of recovery a packet leaves only for a packet that arrived.
- After a timeout, which halves the policy's window, the enforced one climbs back to it packet by packet.
- What keeps losing falls, and grows little: :mod:`astraea.congestion.connection.breaker`.
- Now and then the window falls to three quarters of what fits into the empty path, for a round trip, to learn the
  base round-trip time (:mod:`astraea.congestion.connection.drains`). Where the queue did empty meanwhile, a flow goes
  on with what fits; else with the window it had. A flow that takes over after its start-up drains as well, to half and
  for a round trip, since its own overshoot has filled the queue and made all others yield.

Where drains tell of rivals that keep the queue filled, and where the connection is outside what the policy is for, the
window grows as CUBIC's (:mod:`astraea.congestion.connection.fallback`): in the first case with drains, which tell when
the rivals are gone, in the second without.

A path that has become longer at once is believed by a drain of the flow's own
(:mod:`astraea.congestion.connection.detour`); one that grows slowly shows in all drains.
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection import breaker, detour, drains, fallback, startup, swings
from astraea.congestion.connection.breaker import Breaker
from astraea.congestion.connection.detour import Detour
from astraea.congestion.connection.drains import Drains
from astraea.congestion.connection.fallback import FALLS, RETURNS, STAYS, Fallback
from astraea.congestion.connection.fixed_point import ONE
from astraea.congestion.connection.motion import BITS, LEAST, MOST, UNIT, moved, paced, part_of, units
from astraea.congestion.connection.noise import forget_calm
from astraea.congestion.connection.record import FLOOR, INF, INITIAL_WINDOW, NO_THRESHOLD, OPEN, TIMEOUT, Connection
from astraea.congestion.connection.startup import Startup
from astraea.congestion.connection.swings import Swings

__all__ = ["State", "act", "busy", "on_ack", "on_loss", "on_mark", "on_recovered", "on_timeout", "on_undo", "start"]


class State(Startup, Breaker, Fallback, Detour, Drains, Swings):
    """What it keeps between acknowledgements."""

    gain: int  # change of the window at an action of 1, in 1/2**20
    window: int  # what the policy wants, in 1/2**20 packets, as all windows here
    undo_window: int  # what was enforced before a timeout
    pace: int  # 1/1024 packets per second
    conserving: int  # whether this is the first round trip of recovery
    climbing: int  # whether the enforced window is on its way back after a timeout


_START_PACING, _PACING = 20, 12  # tenths
_FIRST_SHARE, _DRAIN_SHARE, _QUARTERS = 2, 3, 4
_FLOOR = int(FLOOR) << BITS  # of what is enforced


@inlined
def start(f: Connection, c: State, now: int) -> None:
    """Begin the start-up phase."""
    startup.begin(c)
    detour.begin(c)
    drains.begin(c, now)
    forget_calm(f)
    c.filled_at = c.judged_at = now
    c.gain = units(f.gain)
    c.window = f.window = int(INITIAL_WINDOW) << BITS
    f.cwnd = INITIAL_WINDOW
    f.ssthresh = NO_THRESHOLD


@inlined
def on_ack(f: Connection, c: State, now: int) -> None:
    """Grow while starting, renew the base when it is old, and enforce what recovery allows."""
    turn = fallback.judge(f, c, now)
    if turn != STAYS and not c.starting:
        _turn(c, turn, now)
    if c.starting:
        c.window = min(c.window + (startup.growth(f, c) << BITS), MOST)
        if not c.starting:
            _take_over(f, c, now)
    elif c.fallen:
        c.window = fallback.grow(f, c, c.window, now)
    elif c.draining:
        _drain(f, c, now)
    elif drains.due(f, c, now):
        drains.drain(f, c, now, _DRAIN_SHARE * part_of(c.window, f.min_rtt + f.noise, f.srtt_ns) // _QUARTERS)
    elif c.among:
        c.window = fallback.grow(f, c, c.window, now)
    if f.acked > 0:
        c.low = min(c.low, f.last_rtt)
        drains.see(f, c, now)
    if f.round_start:
        if c.draining == 0:
            drains.see_round(c, c.low, c.window)
        _watch(f, c, now)
        c.conserving = 0
        if c.starting or (c.draining and c.drains == 0):
            breaker.forget(f, c)
        else:
            c.window = breaker.count_round(f, c, c.window)
    if c.climbing:
        f.window = max(f.window, int(f.cwnd) << BITS) + (f.acked << BITS)  # a timeout leaves what is still out
        c.climbing = f.window < c.window
    _enforce(f, c)


@inlined
def _watch(f: Connection, c: State, now: int) -> None:
    """Look for a longer path, once a round trip, which a drain of the flow's own tests, and for swings of the rate."""
    if c.starting or c.fallen or c.among or c.drains < 1:
        detour.rest(c, c.window)
        swings.look_anew(f, c)
    elif c.draining:
        c.low = INF
    elif f.wary and swings.swung(f, c, c.low, c.window, now):
        drains.believe(f, c)
        c.window = fallback.curve(c, c.window)
    elif detour.watch(f, c, c.window, now):
        drains.drain(f, c, now, c.window >> 1)


@inlined
def _turn(c: State, turn: int, now: int) -> None:
    """Let the window change hands: fall back, or return to the policy, which drains a period later."""
    if turn == FALLS:
        c.window = fallback.fall(c, c.window)
        c.draining = c.testing = 0
    elif turn == RETURNS:
        c.fallen = 0
        drains.wait(c, now)


@inlined
def _take_over(f: Connection, c: State, now: int) -> None:
    """Leave start-up with what fills the empty path at the rate of delivery, or fall back where the path is strange."""
    if fallback.strange_path(f.min_rtt, f.rtt_least, f.rtt_most):
        c.window = fallback.reduce(c, fallback.fall(c, c.window))
        return
    arrived = min(f.sample_delivered << BITS, MOST)
    c.window = max(part_of(arrived, f.min_rtt, max(f.sample_interval, f.min_rtt)), LEAST)
    drains.drain(f, c, now, _FIRST_SHARE * c.window // _QUARTERS)


@inlined
def _drain(f: Connection, c: State, now: int) -> None:
    """Go on with a drain; once it is over, learn from it, and let the window change hands."""
    begins = c.drain_until == INF
    if not drains.over(f, c, now):
        if c.drains == 0 and begins and c.drain_until < INF:
            c.drain_until = now + f.srtt_ns  # a round trip is enough: nobody else has to drain at the same time
        return
    if c.testing:
        _tested(f, c, now)
        return
    drains.renew(f, c, now)
    was = c.among
    emptied = drains.judge(f, c, c.window, now)
    if c.among and not was:
        c.window = fallback.curve(c, c.window)
    if emptied and not c.among and c.drains > 1:  # at the first, it is what fits already
        c.window = max(part_of(c.window, f.min_rtt + f.noise, c.drain_from), LEAST)


@inlined
def _tested(f: Connection, c: State, now: int) -> None:
    """Take a longer path as the base, of which no drain before knew."""
    if detour.judge(f, c, c.drain_rtt, now):
        f.min_rtt = c.base_now = c.drain_rtt
        f.min_rtt_at = now
        c.base_before = INF
        forget_calm(f)
        drains.alone(f, c)


@inlined
def on_loss(f: Connection, c: State, now: int) -> None:
    """Packets are conserved, but for the start-up phase, which judges losses itself; in fallback the window falls."""
    if c.fallen or c.among:
        c.window = fallback.reduce(c, c.window)
    if not c.starting:
        c.conserving = 1
        f.round_end = f.delivered


@inlined
def on_mark(f: Connection, c: State, now: int) -> None:
    """A congestion mark ends the start-up phase as a loss does, and in fallback the window falls."""
    if c.fallen or c.among:
        c.window = fallback.reduce(c, c.window)
    if c.starting:
        c.starting = 0
        _take_over(f, c, now)


@inlined
def on_recovered(f: Connection, c: State, now: int) -> None:
    """Go back to the policy's window."""
    c.conserving = 0
    c.climbing = 0


@inlined
def on_timeout(f: Connection, c: State, now: int) -> None:
    """Nothing is known to arrive: halve, and climb from the smallest window; start anew if nothing ever arrived."""
    unheard = c.starting and f.delivered == 0
    c.starting = unheard
    c.conserving = 0
    c.climbing = 1 - unheard
    if f.recovering != TIMEOUT:
        c.undo_window = f.window
    if f.recovering == OPEN:
        c.window = fallback.reduce(c, c.window) if c.fallen or c.among else max(c.window >> 1, LEAST)
        c.w_max = 0
    if unheard:
        c.window = _FLOOR
    f.window = _FLOOR
    f.cwnd = FLOOR
    _pace(f, c)


@inlined
def on_undo(f: Connection, c: State, now: int) -> None:
    """The timeout was spurious: take its reduction back."""
    c.climbing = 0
    c.epoch = 0
    c.window = max(c.window, c.undo_window)


@inlined
def act(f: Connection, c: State, action: float) -> None:
    """Apply ``action`` in [-1, 1], a multiple of 1/2**20 or rounded to one, to the policy's window."""
    if c.starting == 0 and c.among == 0:
        window = breaker.bounded(c, c.window, moved(c.window, c.gain, units(action)))
        c.window = min(max(window, LEAST), min(f.window_max << BITS, MOST))
    _enforce(f, c)


@inlined
def busy(f: Connection, c: State) -> int:
    """Return whether actions are not applied at present: while starting, renewing the base or in fallback."""
    return c.starting or c.draining or c.fallen or c.among


@inlined
def _enforce(f: Connection, c: State) -> None:
    window = c.drain_window if c.draining else c.window
    if c.conserving:
        f.window = min(window, max((f.inflight + f.acked) << BITS, _FLOOR))
    elif c.climbing:
        f.window = min(f.window, window)
    else:
        f.window = window
    f.cwnd = max(f.window, _FLOOR) / UNIT  # exact
    _pace(f, c)


@inlined
def _pace(f: Connection, c: State) -> None:
    if f.srtt_ns > 0:
        window = f.window if f.window < _FLOOR else c.window
        c.pace = paced(window, _START_PACING if c.starting else _PACING, f.srtt_ns)
        f.pacing_rate = c.pace / ONE  # exact
