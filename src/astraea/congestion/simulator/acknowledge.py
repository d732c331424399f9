"""What an acknowledgement says: what arrived, how long it took, and how fast things are delivered."""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.measure import measure_rtt, sample_rate
from astraea.congestion.connection.record import INF, LOST, RESENT, TIMEOUT
from astraea.congestion.simulator.recovery import find_losses, progress, undo_timeout
from astraea.congestion.simulator.state import ACTIVE, ARRIVED, CLOSED, DROPPED, MARKED, Flow, World

__all__ = ["acknowledge"]


@inlined
def acknowledge(w: World, i: int, f: Flow, now: int) -> None:
    """Process the acknowledgements of flow ``i`` that arrive at ``now``."""
    end = w.stages[i, f.legs - 1].pn if f.legs > 1 else f.next_pn
    pn = f.ack_pn
    newest = -1
    acked = fresh = marks = missing = spurious = 0
    prior_inflight = f.inflight
    at = INF
    while pn < end:
        packet = w.packets[i, pn & f.mask]
        if packet.status & DROPPED:
            if not packet.status & LOST:
                missing += 1
            pn += 1
            continue
        if packet.at > now:
            at = packet.at
            break
        newest = pn
        acked += 1
        f.holes += missing
        missing = 0
        if packet.status & LOST:
            if not packet.status & RESENT:
                spurious += 1
        else:
            f.inflight -= 1
        if packet.status & MARKED:
            marks += 1
        seq = packet.seq
        if seq == f.una_seq:
            w.data[i, seq & f.seq_mask] = 0
            f.una_seq = seq + 1
            fresh += 1
        elif seq > f.una_seq and not w.data[i, seq & f.seq_mask] & ARRIVED:
            w.data[i, seq & f.seq_mask] |= ARRIVED
            fresh += 1
        pn += 1
    f.ack_at = at
    if acked == 0:
        return
    f.ack_pn = newest + 1
    f.newest_pn = newest
    while w.data[i, f.una_seq & f.seq_mask] & ARRIVED:
        w.data[i, f.una_seq & f.seq_mask] = 0
        f.una_seq += 1
    f.delivered += acked
    f.goodput += fresh
    f.marked += marks
    f.acks += 1
    f.acked = acked
    f.prior_inflight = prior_inflight
    f.inflight_sum += prior_inflight
    packet = w.packets[i, newest & f.mask]
    sample_rate(f, packet, now)
    measure_rtt(f, now - packet.sent, acked, now)
    f.newly_lost = 0
    if f.holes > 0:
        f.beyond_hole += acked
        find_losses(w, i, f, now)
    else:
        f.known_pn = newest + 1
    f.sample_lost = f.lost - packet.lost
    if spurious > 0 and f.recovering == TIMEOUT:
        undo_timeout(w, i, f, now)
    if f.una_seq >= f.milestone_seq:
        _reach_milestone(w, i, f, now)
    progress(w, i, f, marks, now)


@inlined
def _reach_milestone(w: World, i: int, f: Flow, now: int) -> None:
    """Note the transfers that are complete; the last one ends the flow."""
    while f.una_seq >= f.milestone_seq:
        if f.transfers < w.completions.shape[1]:
            w.completions[i, f.transfers] = now
        f.transfers += 1
        if f.milestone_seq < f.finish_seq:
            f.milestone_seq = min(f.milestone_seq + f.transfer, f.finish_seq)
            continue
        f.milestone_seq = INF
        if f.phase == ACTIVE:
            f.phase = CLOSED
            f.finished_at = now
