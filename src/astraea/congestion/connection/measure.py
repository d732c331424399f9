"""What an acknowledgement tells a sender: round-trip times, and how fast things are delivered."""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.intervals import end_block
from astraea.congestion.connection.record import LIMITED, Connection, Sent

__all__ = ["measure_rtt", "sample_rate"]

_BASE_AGE = 300_000_000_000  # for which a smallest round-trip time holds, as in Linux


@inlined
def sample_rate(f: Connection, packet: Sent, now: int) -> None:
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
def measure_rtt(f: Connection, rtt: int, acked: int, now: int) -> None:
    """Update round-trip times and the timeout (RFC 6298, with Linux's floor on the variance)."""
    f.rtt_sum += rtt * acked
    if f.last_rtt > 0:
        f.rtt_step_sum += abs(rtt - f.last_rtt)
    f.last_rtt = rtt
    if now > f.block_at:
        end_block(f)
        f.block_at = now + f.block_length - (now - f.block_at) % f.block_length
    f.block_sum += rtt
    f.block_acks += 1
    if rtt < f.block_rtt:
        f.block_rtt = rtt
    if rtt < f.sample_rtt_min:
        f.sample_rtt_min = rtt
    if rtt <= f.min_rtt or now - f.min_rtt_at > _BASE_AGE:
        f.min_rtt = rtt
        f.min_rtt_at = now
    f.srtt_ns = max(rtt if f.srtt_ns == 0 else f.srtt_ns + ((rtt - f.srtt_ns) >> 3), 1)  # in integers; rounded down
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
