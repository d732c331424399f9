"""What a flow has to send, and when it comes and goes."""

from __future__ import annotations

from astraea.congestion.compiled import compiled, inlined
from astraea.congestion.connection.intervals import begin_interval, close_interval
from astraea.congestion.connection.record import INF, INITIAL_WINDOW
from astraea.congestion.controllers import dispatch
from astraea.congestion.rng import exponential
from astraea.congestion.simulator.state import ACTIVE, CLOSED, WAITING, Flow, World
from astraea.congestion.simulator.turns import due, leave

__all__ = ["BULK", "POISSON", "REGULAR", "close", "release", "wake"]

BULK, REGULAR, POISSON = 0, 1, 2  # all at once; a chunk at regular times; at exponential times


@compiled
def wake(w: World, i: int, f: Flow, now: int) -> None:
    """Start flow ``i``, hand over its next data, or end it, as is due at ``now``."""
    if now >= f.end_at:
        if f.phase == ACTIVE:
            f.phase = CLOSED
            f.finished_at = now
            close(w, i, f, now)
        f.phase = CLOSED
        f.wake_at = INF
        return
    if not due(w, f, now):
        f.wake_at = f.end_at
        return
    if f.phase == WAITING:
        f.phase = ACTIVE
        f.started_at = now
        dispatch.start(w.controls, i, f, now)
        begin_interval(w.marks[i], f, now)
    elif f.phase == ACTIVE and f.inflight == 0:
        _restart(f, now)
        dispatch.on_restart(w.controls, i, f, now)
    if f.app == BULK:
        f.limit_seq = f.finish_seq
        f.app_at = INF
    else:
        f.limit_seq = min(f.limit_seq + f.app_chunk, f.finish_seq)
        gap = f.app_gap if f.app == REGULAR else exponential(f, f.app_gap)
        f.app_debt += gap
        whole = int(f.app_debt)
        f.app_debt -= whole
        f.app_at = now + whole if f.limit_seq < f.finish_seq else INF
    f.wake_at = min(f.app_at, f.end_at)


@compiled
def release(w: World, f: Flow, now: int) -> None:
    """Let flows start that have waited for ``f``, which has ended: its last byte arrived half a round trip ago."""
    k = f.follower
    f.follower = -1
    w.clock[0].moved = 1
    while k >= 0:
        g = w.flows[k]
        g.start_at = max(now, now - f.reverse_delay + g.gap)
        g.wake_at = g.start_at
        k = g.sibling


@compiled
def close(w: World, i: int, f: Flow, now: int) -> None:
    """Take leave: the last control interval ends here, and nothing is waited for any more."""
    close_interval(w.intervals[i], w.marks[i], f, now)
    f.interval_at = INF
    f.timer_at = INF
    f.wake_at = INF
    leave(w, f, now)


@inlined
def _restart(f: Flow, now: int) -> None:
    """Halve the window for each timeout spent idle, down to the initial one (RFC 2861)."""
    idle = now - f.last_sent_at
    if f.conserves and idle > f.rto:
        f.ssthresh = max(f.ssthresh, 0.75 * f.cwnd)
        while idle > f.rto and f.cwnd > INITIAL_WINDOW:
            f.cwnd = max(0.5 * f.cwnd, INITIAL_WINDOW)
            idle -= f.rto
