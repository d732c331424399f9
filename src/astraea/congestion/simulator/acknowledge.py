"""What an acknowledgement says: what arrived, how long it took, and how fast things are delivered."""

from __future__ import annotations

from typing import Any

from astraea.congestion.compiled import inlined
from astraea.congestion.simulator.recovery import find_losses, progress, undo_timeout
from astraea.congestion.simulator.state import (
    ACTIVE,
    ARRIVED,
    CLOSED,
    DROPPED,
    INF,
    LIMITED,
    LOST,
    MARKED,
    RESENT,
    TIMEOUT,
)
from astraea.congestion.simulator.statistics import end_block

__all__ = ["acknowledge"]

_BASE_AGE = 300_000_000_000  # for which a smallest round-trip time holds, as in Linux


@inlined
def acknowledge(w: Any, i: int, f: Any, now: int) -> None:
    """Process the acknowledgements of flow ``i`` that arrive at ``now``."""
    end = w.stages[i, f.hops - 1].pn if f.hops > 1 else f.next_pn
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
    _sample_rate(f, packet, now)
    _measure(f, now - packet.sent, acked, now)
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
def _sample_rate(f: Any, packet: Any, now: int) -> None:
    """Sample the delivery rate over ``packet``'s flight (draft-cheng-iccrg-delivery-rate-estimation)."""
    f.sample_interval = max(packet.sent - packet.first_sent_at, now - packet.delivered_at)
    f.sample_delivered = f.delivered - packet.delivered
    f.sample_limited = (packet.status & LIMITED) != 0
    f.sample_prior = packet.delivered
    f.sample_inflight = packet.inflight
    f.first_sent_at = packet.sent
    f.delivered_at = now
    f.round_start = 0
    if packet.delivered >= f.round_end:
        f.round_end = f.delivered
        f.rounds += 1
        f.round_start = 1
        if not f.window_filled:
            f.window_limited = 0
        f.window_filled = 0


@inlined
def _measure(f: Any, rtt: int, acked: int, now: int) -> None:
    """Update round-trip times and the timeout (RFC 6298, with Linux's floor on the variance)."""
    f.rtt_sum += rtt * acked
    if f.last_rtt > 0:
        f.rtt_step_sum += abs(rtt - f.last_rtt)
    f.last_rtt = rtt
    if now > f.block_at:
        end_block(f)
        f.block_at = now + f.block_length - (now - f.block_at) % f.block_length
    if rtt < f.block_rtt:
        f.block_rtt = rtt
    if rtt < f.sample_rtt_min:
        f.sample_rtt_min = rtt
    if rtt <= f.min_rtt or now - f.min_rtt_at > _BASE_AGE:
        f.min_rtt = rtt
        f.min_rtt_at = now
    if f.srtt == 0.0:
        f.srtt = float(rtt)
        f.rttvar = 0.5 * rtt
    else:
        error = rtt - f.srtt
        f.srtt += 0.125 * error
        f.rttvar += 0.25 * (abs(error) - f.rttvar)
    f.rto = int(f.srtt + max(float(f.rto_min), 4.0 * f.rttvar))
    f.backoff = 0
    if f.paces:
        f.pacing_rate = (2.0 if f.cwnd < 0.5 * f.ssthresh else 1.2) * f.cwnd * 1e9 / f.srtt


@inlined
def _reach_milestone(w: Any, i: int, f: Any, now: int) -> None:
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
