"""What is known of a flow: its control intervals, and samples of all flows at regular times."""

from __future__ import annotations

from typing import Any

from astraea.congestion.compiled import compiled, inlined
from astraea.congestion.simulator.links import backlog
from astraea.congestion.simulator.state import INF

__all__ = ["begin_interval", "close_interval", "end_block", "record_sample"]

_BLOCK = 30_000_000


@inlined
def begin_interval(w: Any, i: int, f: Any, now: int) -> None:
    """Note the counters of flow ``i`` and set when the interval that begins now ends."""
    _copy(w.marks[i], f, now)
    fixed = f.interval_fixed
    if fixed > 0:
        f.interval_at = now - now % fixed + fixed  # one clock for all flows
    else:
        f.interval_at = now + max(f.interval_min, int(0.5 * f.srtt))
    f.block_length = (f.interval_at - now) // max((f.interval_at - now) // _BLOCK, 1)
    f.block_at = now + f.block_length
    f.block_rtt = INF
    f.low_sum = 0
    f.low_count = 0


@inlined
def end_block(f: Any) -> None:
    """Count the smallest round-trip time of the block that ends, if it has any."""
    if f.block_rtt < INF:
        f.low_sum += f.block_rtt
        f.low_count += 1
        f.block_rtt = INF


@compiled
def close_interval(w: Any, i: int, f: Any, now: int) -> None:
    """Fill ``w.intervals[i]`` with what flow ``i`` did since the interval began, and begin the next."""
    row = w.intervals[i]
    mark = w.marks[i]
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
    end_block(f)
    row.rtt_low = f.low_sum // f.low_count if f.low_count else 0
    _gauges(row, f)
    f.intervals += 1
    begin_interval(w, i, f, now)


@compiled
def record_sample(w: Any, clock: Any, now: int) -> None:
    """Write the next row of ``w.samples`` and ``w.backlogs``."""
    k = clock.samples
    for i in range(clock.flows):
        f = w.flows[i]
        row = w.samples[k, i]
        _copy(row, f, now)
        row.rtt_min = f.sample_rtt_min if f.sample_rtt_min < INF else 0
        f.sample_rtt_min = INF
    for j in range(clock.links):
        w.backlogs[k, j] = int(backlog(w.links[j], w.segments, now))
    clock.samples = k + 1
    clock.sample_at = now + clock.sample_every if k + 1 < w.samples.shape[0] else INF


@inlined
def _copy(row: Any, f: Any, now: int) -> None:
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
    _gauges(row, f)


@inlined
def _gauges(row: Any, f: Any) -> None:
    row.cwnd = f.cwnd
    row.pacing_rate = f.pacing_rate
    row.srtt = f.srtt
    row.min_rtt = f.min_rtt if f.min_rtt < INF else 0
    row.drain_left = f.drain_left
    row.inflight = f.inflight
