"""Control intervals: what a flow did from one decision to the next."""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.fixed_point import ONE, SHIFT
from astraea.congestion.connection.motion import BITS
from astraea.congestion.connection.noise import learn_noise
from astraea.congestion.connection.record import INF, Connection, Interval, Sample

__all__ = ["begin_interval", "close_interval", "end_block", "note"]

_BLOCK = 30_000_000
_FINER = BITS - SHIFT  # bits by which a window is finer than what is kept of it


@inlined
def begin_interval(mark: Sample, f: Connection, now: int) -> None:
    """Note the counters of flow ``f`` in ``mark`` and set when the interval that begins now ends."""
    note(mark, f, now)
    fixed = f.interval_fixed
    if fixed > 0:
        f.interval_at = now - now % fixed + fixed  # one clock for all flows
    else:
        f.interval_at = now + max(f.interval_min, f.srtt_ns >> 1)
    f.block_length = (f.interval_at - now) // max((f.interval_at - now) // _BLOCK, 1)
    f.block_at = now + f.block_length
    f.block_rtt = INF
    f.block_sum = f.block_acks = 0
    f.low_sum = 0
    f.low_count = 0


@inlined
def end_block(f: Connection) -> None:
    """Count the smallest round-trip time of the block that ends, if it has any."""
    if f.block_rtt < INF:
        f.low_sum += f.block_rtt
        f.low_count += 1
        learn_noise(f, f.block_rtt, f.block_sum // f.block_acks)
        f.block_rtt = INF
        f.block_sum = f.block_acks = 0


@inlined
def close_interval(row: Interval, mark: Sample, f: Connection, now: int) -> None:
    """Fill ``row`` with what flow ``f`` did since the interval of ``mark`` began, and begin the next."""
    row.start = mark.at
    row.end = now
    row.sent = f.sent - mark.sent
    row.delivered = f.delivered - mark.delivered
    row.goodput = f.goodput - mark.goodput
    row.lost = f.lost - mark.lost
    row.resent = f.resent - mark.resent
    row.marked = f.marked - mark.marked
    row.rtt_sum = f.rtt_sum - mark.rtt_sum
    row.rtt_step_sum = f.rtt_step_sum - mark.rtt_step_sum
    row.acks = f.acks - mark.acks
    row.inflight_sum = f.inflight_sum - mark.inflight_sum
    row.fallback = f.fallback - mark.fallback
    end_block(f)
    row.rtt_low = f.low_sum // f.low_count if f.low_count else 0
    row.window = f.window >> _FINER if f.window else int(f.cwnd * ONE)
    row.pacing_rate = int(f.pacing_rate)
    row.srtt = f.srtt_ns
    _gauges(row, f)
    f.intervals += 1
    begin_interval(mark, f, now)


@inlined
def note(row: Sample, f: Connection, now: int) -> None:
    """Write counters and gauges of flow ``f`` into ``row``."""
    row.at = now
    row.sent = f.sent
    row.delivered = f.delivered
    row.goodput = f.goodput
    row.lost = f.lost
    row.resent = f.resent
    row.marked = f.marked
    row.rtt_sum = f.rtt_sum
    row.rtt_step_sum = f.rtt_step_sum
    row.acks = f.acks
    row.inflight_sum = f.inflight_sum
    row.fallback = f.fallback
    row.cwnd = f.cwnd
    row.pacing_rate = f.pacing_rate
    row.srtt = f.srtt
    _gauges(row, f)


@inlined
def _gauges(row: Interval | Sample, f: Connection) -> None:
    row.min_rtt = f.min_rtt if f.min_rtt < INF else 0
    row.noise = f.noise
    row.drain_left = f.drain_left
    row.inflight = f.inflight
