"""What an acknowledgement means: round-trip times, what is delivered, what is lost, and the way back.

Losses are found by time (RACK-TLP, RFC 8985), the window falls by proportional rate reduction (RFC 9937) and
the last resort is the retransmission timeout (RFC 6298, with Linux's floor). The sender knows all that
selective acknowledgements can tell it.
"""

from __future__ import annotations

from typing import Any

from astraea.congestion.compiled import inlined
from astraea.congestion.controllers import dispatch
from astraea.congestion.simulator.sender import transmit
from astraea.congestion.simulator.state import (
    ACTIVE,
    CLOSED,
    DROPPED,
    INF,
    LIMITED,
    LOST,
    MARKED,
    RESENT,
)

__all__ = ["acknowledge", "expire"]

OPEN, RECOVERY, TIMEOUT = 0, 1, 2
RTO, PROBE, REORDER = 0, 1, 2  # what a flow's timer waits for
_DUPLICATES = 3  # packets beyond a hole that make waiting for reordering needless
_RTO_MAX = 60_000_000_000
_MIN_RTT_AGE = 10_000_000_000


@inlined
def acknowledge(w: Any, i: int, f: Any, now: int) -> None:
    """Process the acknowledgements of flow ``i`` that arrive at ``now``."""
    end = w.stages[i, f.hops - 1].pn if f.hops > 1 else f.next_pn
    prior_inflight = f.inflight
    pn = f.ack_pn
    newest = -1
    acked = fresh = marks = missing = 0
    at = INF
    rtt = 0
    while pn < end:
        packet = w.packets[i, pn & f.mask]
        if packet.flags & DROPPED:
            if not packet.flags & LOST:
                missing += 1
            pn += 1
            continue
        if packet.at > now:
            at = packet.at
            break
        acked += 1
        f.holes += missing
        missing = 0
        rtt = now - packet.sent
        if not packet.flags & LOST:
            f.inflight -= 1
        if packet.flags & MARKED:
            marks += 1
        seq = packet.seq
        if seq >= f.una_seq and not w.acknowledged[i, seq & f.seq_mask]:
            fresh += 1
            if seq == f.una_seq:
                f.una_seq = seq + 1
            else:
                w.acknowledged[i, seq & f.seq_mask] = 1
        newest = pn
        pn += 1
    f.ack_at = at
    if acked == 0:
        return
    f.ack_pn = newest + 1
    while w.acknowledged[i, f.una_seq & f.seq_mask]:
        w.acknowledged[i, f.una_seq & f.seq_mask] = 0
        f.una_seq += 1

    packet = w.packets[i, newest & f.mask]
    f.delivered += acked
    f.goodput += fresh
    f.marked += marks
    f.acks += 1
    f.acked = acked
    f.prior_inflight = prior_inflight
    f.inflight_sum += prior_inflight
    f.newest_pn = newest
    # delivery-rate sample
    send_time = packet.sent - packet.first_sent_at
    ack_time = now - packet.delivered_at
    f.sample_interval = max(send_time, ack_time)
    f.sample_delivered = f.delivered - packet.delivered
    f.sample_limited = (packet.flags & LIMITED) != 0
    f.first_sent_at = packet.sent
    f.delivered_at = now
    f.round_start = 0
    if packet.delivered >= f.round_end:
        f.round_end = f.delivered
        f.round += 1
        f.round_start = 1
    _measure(f, rtt, acked, now)

    f.newly_lost = 0
    if f.holes > 0:
        f.beyond_hole += acked
        _find_losses(w, i, f, packet.sent, now)
    else:
        f.known_pn = newest + 1
    _progress(w, i, f, marks, now)


@inlined
def _measure(f: Any, rtt: int, acked: int, now: int) -> None:
    f.rtt_sum += rtt * acked
    f.rtt_step_sum += abs(rtt - f.last_rtt) if f.last_rtt else 0
    f.last_rtt = rtt
    if rtt < f.interval_rtt_min:
        f.interval_rtt_min = rtt
    if rtt < f.sample_rtt_min:
        f.sample_rtt_min = rtt
    if rtt <= f.min_rtt or now - f.min_rtt_at > _MIN_RTT_AGE:
        f.min_rtt = rtt
        f.min_rtt_at = now
    if f.srtt == 0.0:
        f.srtt = rtt
        f.rttvar = 0.5 * rtt
    else:
        error = rtt - f.srtt
        f.srtt += 0.125 * error
        f.rttvar += 0.25 * (abs(error) - f.rttvar)
    f.rto = int(f.srtt + max(f.rto_min, 4.0 * f.rttvar))
    f.backoff = 0


@inlined
def _find_losses(w: Any, i: int, f: Any, newest_sent: int, now: int) -> None:
    """Declare lost what is missing and old enough (RFC 8985, 6.2); else wait for the rest of its time."""
    patience = 0
    if f.recovering == OPEN and f.beyond_hole < _DUPLICATES:
        patience = min(f.min_rtt // 4, int(f.srtt))
    pn = f.known_pn
    deadline = INF
    while pn <= f.newest_pn:
        packet = w.packets[i, pn & f.mask]
        if packet.flags & DROPPED and not packet.flags & LOST:
            due = packet.sent + f.last_rtt + patience
            if patience > 0 and due > now:
                deadline = due
                break
            _declare(w, i, f, packet)
            f.holes -= 1
        pn += 1
    f.known_pn = pn
    if f.holes == 0:
        f.beyond_hole = 0
    if deadline < INF:
        f.timer_at = deadline
        f.timer = REORDER


@inlined
def _declare(w: Any, i: int, f: Any, packet: Any) -> None:
    packet.flags |= LOST
    f.inflight -= 1
    f.lost += 1
    f.newly_lost += 1
    w.resend[i, f.resend_tail & (w.resend.shape[1] - 1)] = packet.seq
    f.resend_tail += 1


@inlined
def _progress(w: Any, i: int, f: Any, marks: int, now: int) -> None:
    """Enter or leave recovery, let the controller answer, set the timer."""
    if f.newly_lost > 0 and f.recovering == OPEN:
        f.recovering = RECOVERY
        f.recover_seq = f.next_seq
        f.recover_flight = max(f.prior_inflight, 1)
        f.prr_delivered = 0
        f.prr_out = 0
        f.undo_cwnd = f.cwnd
        f.undo_ssthresh = f.ssthresh
        dispatch.on_loss(w.controls, i, f, now)
    elif f.recovering and f.una_seq >= f.recover_seq:
        if f.recovering == RECOVERY and f.conserves:
            f.cwnd = f.ssthresh
        f.recovering = OPEN
        dispatch.on_recovered(w.controls, i, f, now)
    if marks > 0 and f.recovering == OPEN and f.una_seq > f.ce_seq:
        f.ce_seq = f.next_seq
        dispatch.on_loss(w.controls, i, f, now)
        if f.conserves:
            f.cwnd = f.ssthresh
    dispatch.on_ack(w.controls, i, f, now)
    if f.recovering == RECOVERY and f.conserves:
        _reduce(f)
    if f.una_seq >= f.finish_seq and f.phase == ACTIVE:
        f.phase = CLOSED
        f.finished_at = now
    _arm(f, now)


@inlined
def _reduce(f: Any) -> None:
    """Proportional rate reduction (RFC 9937): the window falls to ssthresh as packets leave the network."""
    f.prr_delivered += f.acked
    if f.inflight > f.ssthresh:
        allowed = -int(-f.prr_delivered * f.ssthresh // f.recover_flight) - f.prr_out
    else:
        bound = max(f.prr_delivered - f.prr_out, f.acked)
        if f.newly_lost == 0:
            bound += 1
        allowed = min(int(f.ssthresh) - f.inflight, bound)
    if f.prr_out == 0:
        allowed = max(allowed, 1)  # the first retransmission goes at once
    f.cwnd = f.inflight + max(allowed, 0)


@inlined
def _arm(f: Any, now: int) -> None:
    if f.timer == REORDER and f.timer_at < INF and f.holes > 0:
        return
    if f.phase != ACTIVE or (f.inflight == 0 and f.resend_head == f.resend_tail):
        f.timer_at = INF
        f.timer = RTO
        return
    f.timer = RTO
    f.timer_at = now + f.rto
    if f.recovering == OPEN and f.holes == 0:
        probe = now + int(2.0 * f.srtt) + 2_000_000
        if f.inflight == 1:
            probe += f.rto_min  # the receiver may hold back a lone acknowledgement
        if probe < f.timer_at:
            f.timer_at = probe
            f.timer = PROBE


@inlined
def expire(w: Any, i: int, f: Any, now: int) -> None:
    """Let the timer of flow ``i`` go off."""
    f.timer_at = INF
    if f.phase != ACTIVE:
        return
    if f.timer == REORDER:
        f.acked = 0
        f.newly_lost = 0
        f.beyond_hole = _DUPLICATES
        f.prior_inflight = f.inflight
        _find_losses(w, i, f, 0, now)
        _progress(w, i, f, 0, now)
    elif f.timer == PROBE:
        f.timer = RTO
        f.timer_at = now + f.rto
        if f.next_seq < f.limit_seq and f.next_seq - f.una_seq <= f.seq_mask:
            seq = f.next_seq
            f.next_seq = seq + 1
            transmit(w, i, f, seq, 0, now)
        else:
            transmit(w, i, f, f.next_seq - 1, RESENT, now)
    else:
        _time_out(w, i, f, now)


@inlined
def _time_out(w: Any, i: int, f: Any, now: int) -> None:
    if f.recovering == OPEN:
        f.undo_cwnd = f.cwnd
        f.undo_ssthresh = f.ssthresh
    f.newly_lost = 0
    for pn in range(f.known_pn, f.next_pn):
        packet = w.packets[i, pn & f.mask]
        if packet.flags & LOST:
            continue
        if pn < f.ack_pn and not packet.flags & DROPPED:
            continue
        if pn > f.known_pn and packet.sent + f.last_rtt > now:
            break
        if pn < f.ack_pn:
            f.holes -= 1
        _declare(w, i, f, packet)
    f.beyond_hole = 0
    f.recover_seq = f.next_seq
    dispatch.on_timeout(w.controls, i, f, now)
    f.recovering = TIMEOUT
    f.backoff += 1
    f.timer = RTO
    f.timer_at = now + min(f.rto << min(f.backoff, 8), _RTO_MAX)
