"""From the last link back to the sender: when the acknowledgement of a packet arrives there.

Everything a receiver does depends only on its own flow's arrivals, which come in order, so the time of an
acknowledgement is known when the packet leaves its last link; an acknowledgement held back for the next
packet is revised when that packet's own arrival becomes known.

Where the way back has links, it is known when the acknowledgement reaches the first of them, and each is a stage of
its own. What is acknowledged together takes room there once. An acknowledgement that finds no room is lost, and the
next one that arrives says what it would have said, as cumulative and selective ones do.
"""

from __future__ import annotations

from astraea.congestion.compiled import compiled, inlined
from astraea.congestion.connection.record import INF
from astraea.congestion.rng import exponential
from astraea.congestion.simulator.links import arrival as arrival_at
from astraea.congestion.simulator.links import offer
from astraea.congestion.simulator.state import DROPPED, SPOKEN_FOR, Flow, Packet, World

__all__ = ["receive", "return_one"]


@inlined
def receive(w: World, i: int, f: Flow, pn: int, arrival: int) -> None:
    """Let packet ``pn`` of flow ``i`` reach the receiver at ``arrival`` and set when its acknowledgement goes on."""
    packet = w.packets[i, pn & f.mask]
    if f.plain_acks:
        packet.at = arrival + f.ack_delay
        if f.ack_at == INF:
            f.ack_at = packet.at
    elif f.legs == f.hops:
        _acknowledge(w, i, f, pn, packet, arrival)
        if packet.at < f.ack_at:
            f.ack_at = packet.at
    else:
        _send_back(w, i, f, pn, packet, arrival)


@compiled
def _send_back(w: World, i: int, f: Flow, pn: int, packet: Packet, arrival: int) -> None:
    """Acknowledge packet ``pn`` on links of their own; it speaks for what has been held back until now."""
    first, until = f.hold_pn, f.hold_until
    _acknowledge(w, i, f, pn, packet, arrival)
    if first >= 0 and f.last_arrival <= until:
        for held in range(first, pn):
            w.packets[i, held & f.mask].status |= SPOKEN_FOR
    _await(w, i, f, f.hops, packet.at)


@inlined
def return_one(w: World, i: int, f: Flow, pn: int, leg: int, now: int) -> None:
    """Offer the acknowledgement of packet ``pn`` to the link at ``leg``, with all that it speaks for."""
    packet = w.packets[i, pn & f.mask]
    packet.at = INF
    if packet.status & SPOKEN_FOR:
        return
    link = w.links[w.routes[i, leg]]
    departure, _ = offer(link, w.segments, f.ack_bytes, now)
    if departure < 0:
        packet.status |= SPOKEN_FOR
        return
    at = arrival_at(link, w.delays, departure)
    packet.at = at
    other = pn - 1
    while other >= f.ack_pn and w.packets[i, other & f.mask].status & (SPOKEN_FOR | DROPPED):
        w.packets[i, other & f.mask].at = at
        other -= 1
    _await(w, i, f, leg + 1, at)


@inlined
def _await(w: World, i: int, f: Flow, leg: int, at: int) -> None:
    """Note that an acknowledgement reaches the link at ``leg``, or the sender behind the last, at ``at``."""
    if leg == f.legs:
        f.ack_at = min(f.ack_at, at)
    else:
        w.stages[i, leg].at = min(w.stages[i, leg].at, at)


@inlined
def _acknowledge(w: World, i: int, f: Flow, pn: int, packet: Packet, arrival: int) -> None:
    """Hold the acknowledgement back for more packets, unless data is missing (RFC 5681, 4.2)."""
    if f.jitter > 0.0:
        arrival += int(exponential(f, f.jitter))
    arrival = max(arrival, f.last_arrival)  # jitter delays, it does not reorder
    f.last_arrival = arrival
    urgent = f.missing > 0
    if packet.seq >= f.seen_seq:
        f.missing += packet.seq - f.seen_seq
        f.seen_seq = packet.seq + 1
    elif f.missing > 0:
        f.missing -= 1
    urgent = urgent or f.missing > 0
    if f.hold_pn >= 0 and arrival > f.hold_until:
        f.hold_pn = -1  # the timeout has sent what was held
    if f.hold_pn < 0:
        f.hold_pn = pn
        f.hold_until = arrival + f.ack_timeout
        f.holding = 0
    f.holding += 1
    if f.holding < f.ack_every and not urgent:
        packet.at = _ack_arrival(f, f.hold_until)
        return
    at = _ack_arrival(f, arrival)
    f.last_ack = at
    for held in range(f.hold_pn, pn + 1):
        earlier = w.packets[i, held & f.mask]
        if not earlier.status & DROPPED:
            earlier.at = at
    f.hold_pn = -1


@inlined
def _ack_arrival(f: Flow, sent: int) -> int:
    at = sent + f.ack_delay
    if f.ack_slot > 0:  # a medium that is granted in slots carries all waiting acknowledgements at once
        at = -(-at // f.ack_slot) * f.ack_slot
    return int(max(at, f.last_ack))
