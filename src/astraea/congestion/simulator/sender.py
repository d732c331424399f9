"""Sending: what the window, pacing, the application and the receive window allow goes out at once."""

from __future__ import annotations

from astraea.congestion.compiled import compiled, inlined
from astraea.congestion.connection.record import INF, LIMITED, RESENT
from astraea.congestion.simulator.links import arrival, offer
from astraea.congestion.simulator.receiver import receive, return_one
from astraea.congestion.simulator.state import ACTIVE, ARRIVED, DROPPED, MARKED, MISSING, QUEUED, Flow, World
from astraea.congestion.simulator.timers import arm

__all__ = ["advance_stage", "send", "take_new", "transmit"]


@inlined
def send(w: World, i: int, f: Flow, now: int) -> None:
    """Send all that flow ``i`` may send at ``now``; if pacing holds it back, note until when."""
    f.release_at = INF
    if f.phase != ACTIVE:
        return
    room = f.cwnd - f.inflight
    if f.burst > 1 and f.inflight > 0 and room < f.burst and room < 0.5 * f.cwnd:
        return  # segmentation offload waits until a whole burst fits
    quota = f.burst
    while f.inflight + 1 <= f.cwnd:
        repeat = f.resend_head < f.resend_tail
        if not repeat and f.next_seq >= f.limit_seq:
            f.limited_until = f.delivered + f.inflight
            f.window_limited = 0
            return
        if f.next_pn - f.known_pn >= w.packets.shape[1]:
            return
        if not repeat and f.next_seq - f.una_seq >= min(f.window_max, f.dealt):
            if f.dealt < INF:  # held back above TCP, which sees no more data
                f.limited_until = f.delivered + f.inflight
                f.window_limited = 0
            return
        if f.pacing_rate > 0.0 and quota == f.burst and f.pace_at > now:
            f.release_at = f.pace_at
            return
        if repeat:
            seq = w.resend[i, f.resend_head & (w.resend.shape[1] - 1)]
            f.resend_head += 1
            if not _still_wanted(w, i, f, seq):
                continue
        else:
            seq = take_new(w, i, f)
        transmit(w, i, f, seq, RESENT if repeat else 0, now)
        if f.pacing_rate > 0.0:
            f.pace_at = max(f.pace_at, now) + int(1e9 / f.pacing_rate)
            quota = quota - 1 if quota > 1 else f.burst
    f.window_limited = 1
    f.window_filled = 1


@inlined
def _still_wanted(w: World, i: int, f: Flow, seq: int) -> bool:
    """Take data ``seq`` off the queue; return whether it has neither arrived nor been taken off before."""
    if seq < f.una_seq:
        return False
    known = w.data[i, seq & f.seq_mask]
    w.data[i, seq & f.seq_mask] = known & (ARRIVED | MISSING)
    return bool(known & (QUEUED | ARRIVED) == QUEUED)


@inlined
def take_new(w: World, i: int, f: Flow) -> int:
    """Return the number of the next piece of data, which is going to be sent."""
    seq = f.next_seq
    if seq - f.una_seq > f.seq_mask:
        _widen_data(w, i, f)
    f.next_seq = seq + 1
    return int(seq)


@inlined
def transmit(w: World, i: int, f: Flow, seq: int, flags: int, now: int) -> None:
    """Put data ``seq`` on the first link of the path as a new packet."""
    pn = f.next_pn
    if pn - f.known_pn > f.mask:
        _widen_packets(w, i, f)
    f.next_pn = pn + 1
    if f.inflight == 0:
        f.first_sent_at = now
        f.delivered_at = now
    packet = w.packets[i, pn & f.mask]
    packet.sent = now
    packet.seq = seq
    packet.delivered = f.delivered
    packet.delivered_at = f.delivered_at
    packet.first_sent_at = f.first_sent_at
    packet.status = flags | LIMITED if f.delivered <= f.limited_until else flags
    f.sent += 1
    f.inflight += 1
    packet.inflight = f.inflight
    packet.lost = f.lost
    f.last_sent_at = now
    if flags & RESENT:
        f.resent += 1
    if f.recovering:
        f.prr_out += 1
    if f.timer_at == INF:
        arm(f, now)
    _forward(w, i, f, pn, 0, now)


@compiled
def advance_stage(w: World, i: int, f: Flow, hop: int, now: int) -> None:
    """Let what reaches the link at ``hop`` of flow ``i``'s path, or of its way back behind it, by ``now`` go on."""
    stage = w.stages[i, hop]
    end = f.next_pn if hop == 1 else w.stages[i, hop - 1].pn
    pn = stage.pn
    at = INF
    while pn < end:
        packet = w.packets[i, pn & f.mask]
        if not packet.status & DROPPED:
            if packet.at > now:
                at = packet.at
                break
            if hop < f.hops:
                _forward(w, i, f, pn, hop, now)
            else:
                return_one(w, i, f, pn, hop, now)
        pn += 1
    stage.pn = pn
    stage.at = at


@inlined
def _forward(w: World, i: int, f: Flow, pn: int, hop: int, now: int) -> None:
    """Offer packet ``pn`` to the link at ``hop`` of its path, and send what leaves on its way."""
    packet = w.packets[i, pn & f.mask]
    link = w.links[w.routes[i, hop]]
    departure, marked = offer(link, w.segments, f.wire_bytes, now)
    if departure < 0:
        packet.status |= DROPPED
        packet.at = INF
        return
    if marked:
        packet.status |= MARKED
    at = arrival(link, w.delays, departure)
    if hop + 1 == f.hops:
        receive(w, i, f, pn, at)
    else:
        packet.at = at
        stage = w.stages[i, hop + 1]
        if stage.at == INF:
            stage.at = at


@inlined
def _widen_packets(w: World, i: int, f: Flow) -> None:
    """Double the part of the packet ring in use; rows whose place changes move up by its old size."""
    size = f.mask + 1
    f.mask = 2 * size - 1
    for pn in range(f.known_pn, f.next_pn):
        if pn & size:
            w.packets[i, pn & f.mask] = w.packets[i, pn & (size - 1)]


@inlined
def _widen_data(w: World, i: int, f: Flow) -> None:
    size = f.seq_mask + 1
    f.seq_mask = 2 * size - 1
    for seq in range(f.una_seq, f.next_seq):
        if seq & size:
            w.data[i, seq & f.seq_mask] = w.data[i, seq & (size - 1)]
            w.data[i, seq & (size - 1)] = 0
