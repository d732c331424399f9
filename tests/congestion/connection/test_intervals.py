"""What is kept of a control interval."""

from __future__ import annotations

import pytest

from astraea.congestion.connection.intervals import begin_interval, close_interval
from astraea.congestion.connection.measure import measure_rtt
from astraea.congestion.simulator.build import build
from astraea.congestion.simulator.topology import dumbbell

MS = 1_000_000


def low(srtt_ms: float, measured: list[tuple[float, float]], end_ms: float) -> float:
    """Return the low round-trip time in ms of an interval from 0 on in which ``measured`` (at, RTT) came in."""
    world = build(dumbbell([{"controller": "policy"}]))
    f = world.flows[0]
    f.srtt_ns = round(srtt_ms * MS)
    f.interval_min = 30 * MS
    begin_interval(world.marks[0], f, 0)
    assert f.interval_at == end_ms * MS
    f.low_sum = 0
    for at, rtt in measured:
        measure_rtt(f, int(rtt * MS), 1, int(at * MS))
    close_interval(world.intervals[0], world.marks[0], f, int(end_ms * MS))
    return float(world.intervals[0].rtt_low) / MS


def test_the_low_round_trip_time_is_the_mean_of_the_smallest_of_each_block() -> None:
    # 124 ms are four blocks of 31 ms: 240 of 240 and 250; nothing; 242; 251 of 251 and 260
    measured = [(10.0, 250.0), (30.0, 240.0), (70.0, 242.0), (95.0, 251.0), (120.0, 260.0)]
    assert low(248.0, measured, 124.0) == pytest.approx((240 + 242 + 251) / 3, abs=1e-5)


def test_a_short_interval_is_one_block() -> None:
    assert low(20.0, [(1.0, 22.0), (29.0, 21.0)], 30.0) == pytest.approx(21.0)
    assert low(118.0, [(1.0, 22.0), (58.0, 21.0)], 59.0) == pytest.approx(21.0)


def test_nothing_measured_is_zero() -> None:
    assert low(20.0, [], 30.0) == 0
