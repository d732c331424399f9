"""From the last link back to the sender: when the acknowledgement of a packet arrives there.

Everything a receiver does depends only on its own flow's arrivals, which come in order, so the time of an
acknowledgement is known when the packet leaves its last link; an acknowledgement held back for the next
packet is revised when that packet's own arrival becomes known.
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import INF
from astraea.congestion.rng import exponential
from astraea.congestion.simulator.state import DROPPED, Flow, Packet, World

__all__ = ["receive"]


@inlined
def receive(w: World, i: int, f: Flow, pn: int, arrival: int) -> None:
    """Let packet ``pn`` of flow ``i`` reach the receiver at ``arrival`` and set when its sender hears."""
    packet = w.packets[i, pn & f.mask]
    if f.plain_acks:
        packet.at = arrival + f.reverse_delay
    else:
        _acknowledge(w, i, f, pn, packet, arrival)
    if f.ack_at == INF:
        f.ack_at = packet.at


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
    f.ack_at = min(f.ack_at, at)
    f.hold_pn = -1


@inlined
def _ack_arrival(f: Flow, sent: int) -> int:
    at = sent + f.reverse_delay
    if f.ack_slot > 0:  # a medium that is granted in slots carries all waiting acknowledgements at once
        at = -(-at // f.ack_slot) * f.ack_slot
    return int(max(at, f.last_ack))
