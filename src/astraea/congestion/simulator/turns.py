"""Taking turns: of the flows that wait for one link only some send, those of the highest priority first.

Without preemption a few are let in and stay. With it, who comes first may fill the link, and each one after gets a
window of what those before it leave: while the first is in slow start the next ones use the rest, and when it needs
all, they pause. Windows are dealt out anew when a flow comes, ends, or has gone through a round trip. This is what
a mediator can do that sees all its connections, by their HTTP/2 windows; to TCP, a flow that it holds back has no data.
"""

from __future__ import annotations

from astraea.congestion.compiled import compiled, inlined
from astraea.congestion.connection.record import INITIAL_WINDOW
from astraea.congestion.simulator.state import Clock, Flow, World

__all__ = ["ANY", "OVER", "SENDS", "WAITS", "due", "leave", "renew"]

ANY, WAITS, SENDS, OVER = 0, 1, 2, 3  # not due yet; due; has its turn; ended
_AMPLE = 1.25  # windows are dealt out to so many bandwidth-delay products of the link, so that it never runs dry
_LEAST = 4.0  # packets that are worth a turn


@compiled
def due(w: World, f: Flow, now: int) -> bool:
    """Flow ``f`` could begin: return whether it may, or else let it wait for its turn."""
    if f.gate < 0 or f.turn == SENDS:
        return True
    f.turn = WAITS
    renew(w, f, now)
    return bool(f.turn == SENDS)


@compiled
def leave(w: World, f: Flow, now: int) -> None:
    """Flow ``f`` has ended: its turn is another's."""
    if f.gate >= 0 and f.turn != OVER:
        f.turn = OVER
        renew(w, f, now)


@compiled
def renew(w: World, f: Flow, now: int) -> None:
    """Give the turns anew at the link where flow ``f`` takes them."""
    w.clock[0].moved = 1
    if w.clock[0].preempt:
        _deal(w, f.gate, now)
    else:
        _admit(w, f.gate, now)


@compiled
def _admit(w: World, gate: int, now: int) -> None:
    """Let flows in while they are few, or could not fill the link."""
    clock = w.clock[0]
    capacity = 8e3 / w.links[gate].ns_per_byte  # Mbit/s
    count, asked = 0, 0.0
    k = w.links[gate].first_turn
    while k >= 0:
        f = w.flows[k]
        if f.turn == SENDS:
            count += 1
            asked += f.asks
        k = f.next_turn
    k = w.links[gate].first_turn
    while k >= 0 and (count < clock.few or asked < capacity):
        f = w.flows[k]
        if _waits(f, now):
            f.turn = SENDS
            f.wake_at = now
            count += 1
            asked += f.asks
        k = f.next_turn


@compiled
def _deal(w: World, gate: int, now: int) -> None:
    """Give each flow, by priority, a window of what those before it leave of the link."""
    clock = w.clock[0]
    left = _AMPLE / w.links[gate].ns_per_byte  # bytes per ns
    rank = 0
    k = w.links[gate].first_turn
    while k >= 0:
        f = w.flows[k]
        if f.turn == SENDS or _waits(f, now):
            rtt = 2.0 * f.reverse_delay
            room = left * rtt / f.wire_bytes + _LEAST
            if rank > 0 and room < 2.0 * _LEAST:
                f.turn = WAITS
                f.dealt = 0
            else:
                window = int(room)
                if f.turn != SENDS:
                    f.turn = SENDS
                    f.wake_at = now
                elif window > f.dealt:
                    f.release_at = now
                f.dealt = window
                needs = float(f.inflight) if f.next_seq >= f.finish_seq else max(f.cwnd, INITIAL_WINDOW)
                left -= min(min(needs, float(window)) * f.wire_bytes / rtt, f.asks / 8e3)
                left = max(left, 0.0)
                if clock.heaviest > 0.0:
                    f.parameter = _weight(clock, rank)
                rank += 1
        k = f.next_turn


@inlined
def _waits(f: Flow, now: int) -> bool:
    """Whether flow ``f`` could begin or go on: it has said so, or is going to at this very time."""
    return bool(f.turn == WAITS or (f.turn == ANY and f.wake_at <= now))


@compiled
def _weight(clock: Clock, rank: int) -> float:
    """Return the weight of the flow that is next after ``rank`` others: a quarter of that before, at least 1."""
    return float(max(clock.heaviest * 0.25**rank, 1.0))
