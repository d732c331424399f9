"""What is lost and the way back (RACK-TLP, RFC 8985; proportional rate reduction, RFC 9937; timeouts, RFC 6298).

The sender knows all that selective acknowledgements can tell it. A packet is declared lost when one sent
later has arrived and either three have, or a quarter of the base round-trip time has passed beyond its own.
A timeout that proves spurious, because packets it gave up arrive, is undone (in the spirit of RFC 3522).
"""

from __future__ import annotations

from astraea.congestion.compiled import compiled, inlined
from astraea.congestion.connection.record import INF, LOST, OPEN, RECOVERY, RESENT, TIMEOUT
from astraea.congestion.controllers import dispatch
from astraea.congestion.simulator.sender import take_new, transmit
from astraea.congestion.simulator.state import ACTIVE, ARRIVED, DROPPED, MISSING, QUEUED, Flow, Packet, World
from astraea.congestion.simulator.timers import PROBE, REORDER, RTO, arm, back_off

__all__ = ["expire", "find_losses", "progress", "undo_timeout"]

_DUPLICATES = 3  # packets beyond a hole that make waiting for reordering needless


@compiled
def find_losses(w: World, i: int, f: Flow, now: int) -> None:
    """Declare lost what is missing and old enough (RFC 8985, 6.2); else wait for the rest of its time."""
    patience = 0
    if f.recovering == OPEN and f.beyond_hole < _DUPLICATES:
        patience = min(f.min_rtt // 4, int(f.srtt))
    pn = f.known_pn
    deadline = INF
    while pn <= f.newest_pn:
        packet = w.packets[i, pn & f.mask]
        if packet.status & DROPPED and not packet.status & LOST:
            due = packet.sent + f.last_rtt + patience
            if patience > 0 and due > now:
                deadline = due
                break
            _declare(w, i, f, packet, now)
            f.holes -= 1
        pn += 1
    f.known_pn = pn
    if f.holes == 0:
        f.beyond_hole = 0
    if deadline < INF:
        f.timer_at = deadline
        f.timer = REORDER


@inlined
def _declare(w: World, i: int, f: Flow, packet: Packet, now: int) -> None:
    """Give up ``packet`` and queue its data."""
    packet.status |= LOST
    f.inflight -= 1
    f.lost += 1
    f.newly_lost += 1
    dispatch.on_packet_lost(w.controls, i, f, packet, now)
    if packet.seq >= f.una_seq and not w.data[i, packet.seq & f.seq_mask] & ARRIVED:
        w.data[i, packet.seq & f.seq_mask] |= MISSING | QUEUED
        w.resend[i, f.resend_tail & (w.resend.shape[1] - 1)] = packet.seq
        f.resend_tail += 1


@inlined
def progress(w: World, i: int, f: Flow, marks: int, now: int) -> None:
    """Enter or leave recovery, let the controller answer, set the timer."""
    if f.recovering and f.una_seq >= f.recover_seq:
        if f.recovering == RECOVERY and f.conserves:
            f.cwnd = f.ssthresh
        f.recovering = OPEN
        dispatch.on_recovered(w.controls, i, f, now)
        if f.newly_lost == 0 and _misses_data(w, i, f):
            f.newly_lost = 1  # of what was sent during recovery
    if f.recovering == OPEN:
        if f.newly_lost > 0:
            f.recovering = RECOVERY
            f.recover_seq = f.next_seq
            f.recover_flight = max(f.prior_inflight, 1)
            f.prr_delivered = 0
            f.prr_out = 0
            dispatch.on_loss(w.controls, i, f, now)
        elif marks > 0 and f.una_seq > f.ce_seq:
            f.ce_seq = f.next_seq
            dispatch.on_mark(w.controls, i, f, now)
            if f.conserves:
                f.cwnd = f.ssthresh
    dispatch.on_ack(w.controls, i, f, now)
    if f.recovering == RECOVERY and f.conserves:
        _reduce(f)
    arm(f, now)


@inlined
def _misses_data(w: World, i: int, f: Flow) -> bool:
    for seq in range(f.una_seq, f.next_seq):  # noqa: SIM110 - compiled code has no generators
        if w.data[i, seq & f.seq_mask] & (MISSING | ARRIVED) == MISSING:
            return True
    return False


@inlined
def _reduce(f: Flow) -> None:
    """Let the window fall to ssthresh in proportion to what leaves the network (RFC 9937, 6)."""
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
    f.cwnd = max(f.inflight + max(allowed, 0), 1)


@compiled
def expire(w: World, i: int, f: Flow, now: int) -> None:
    """Let the timer of flow ``i`` go off."""
    f.timer_at = INF
    if f.phase != ACTIVE:
        return
    f.acked = 0
    f.newly_lost = 0
    f.prior_inflight = f.inflight
    f.round_start = 0
    if f.timer == REORDER:
        f.beyond_hole = _DUPLICATES
        find_losses(w, i, f, now)
        progress(w, i, f, 0, now)
    elif f.timer == PROBE:
        f.timer = RTO
        f.timer_at = now + f.rto
        if f.next_pn - f.known_pn >= w.packets.shape[1]:
            return
        new = f.next_seq < f.limit_seq and f.next_seq - f.una_seq < f.window_max
        seq = take_new(w, i, f) if new else f.next_seq - 1
        transmit(w, i, f, seq, 0 if new else RESENT, now)
    else:
        _time_out(w, i, f, now)


@inlined
def _time_out(w: World, i: int, f: Flow, now: int) -> None:
    """Give up all that has been out for longer than a round trip, and start over."""
    for pn in range(f.known_pn, f.next_pn):
        packet = w.packets[i, pn & f.mask]
        passed = pn < f.ack_pn
        if packet.status & LOST or (passed and not packet.status & DROPPED):
            continue
        if pn > f.known_pn and packet.sent + f.last_rtt > now:
            break
        if passed:
            f.holes -= 1
        _declare(w, i, f, packet, now)
    f.beyond_hole = 0
    if f.recovering != TIMEOUT:
        f.undo_cwnd = f.cwnd
        f.undo_ssthresh = f.ssthresh
    f.recover_seq = f.next_seq
    dispatch.on_timeout(w.controls, i, f, now)
    f.recovering = TIMEOUT
    f.cwnd = max(f.cwnd, f.inflight + 1)
    back_off(f, now)


@compiled
def undo_timeout(w: World, i: int, f: Flow, now: int) -> None:
    """Take back a timeout: what it gave up is still on its way, unless a later acknowledgement says otherwise."""
    for pn in range(f.ack_pn, f.next_pn):
        packet = w.packets[i, pn & f.mask]
        if packet.status & LOST:
            packet.status &= ~LOST
            f.inflight += 1
            if packet.seq >= f.una_seq:
                w.data[i, packet.seq & f.seq_mask] &= ~(MISSING | QUEUED) & 0xFF
    kept = f.resend_head
    for k in range(f.resend_head, f.resend_tail):
        seq = w.resend[i, k & (w.resend.shape[1] - 1)]
        if seq >= f.una_seq and w.data[i, seq & f.seq_mask] & QUEUED:
            w.resend[i, kept & (w.resend.shape[1] - 1)] = seq
            kept += 1
    f.resend_tail = kept
    f.recovering = OPEN
    f.cwnd = max(f.cwnd, f.undo_cwnd)
    f.ssthresh = f.undo_ssthresh
    dispatch.on_undo(w.controls, i, f, now)
