"""HyStart++ on hand-worked rounds (RFC 9406)."""

from __future__ import annotations

from typing import Any

import pytest

from astraea.congestion.connection.record import NO_THRESHOLD
from astraea.congestion.controllers import hystart
from astraea.congestion.controllers.cubic import Cubic


def slow_start(alone: Any, rtts_ms: list[float]) -> tuple[Any, list[float]]:
    """Play one round of ten samples for each time; return the flow and how much each round added."""
    flow = alone(Cubic)
    added = []
    for rtt in rtts_ms:
        before = flow.f.cwnd
        for k in range(10):
            flow.ack(rtt, round_start=k == 0)
        added.append(flow.f.cwnd - before)
    return flow, added


def test_steady_round_trips_keep_slow_start(alone: Any) -> None:
    flow, added = slow_start(alone, [100, 100, 112, 112])  # the threshold is 100 / 8 = 12.5 ms
    assert added == [10, 10, 10, 10]
    assert flow.c.baseline == 0


def test_a_longer_round_trip_begins_conservative_slow_start(alone: Any) -> None:
    flow, added = slow_start(alone, [100, 113])
    # seven samples count in full; from the eighth on, packets count a quarter
    assert added == [10, 7 + 3 / 4]
    assert flow.c.baseline == 113_000_000


def test_five_rounds_of_it_end_slow_start(alone: Any) -> None:
    flow, added = slow_start(alone, [100, 113, 113, 113, 113, 113, 113])
    assert added[2:6] == [2.5] * 4
    assert flow.f.ssthresh < NO_THRESHOLD
    assert 0 < added[6] < 2.5  # congestion avoidance


def test_a_delay_that_falls_back_resumes_slow_start(alone: Any) -> None:
    flow, added = slow_start(alone, [100, 113, 100, 100])
    assert added[3] == 10
    assert flow.c.baseline == 0
    assert flow.f.ssthresh == NO_THRESHOLD


@pytest.mark.parametrize(("rtt_ms", "threshold_ms"), [(8, 4), (64, 8), (400, 16)])
def test_the_threshold_is_bounded(alone: Any, rtt_ms: float, threshold_ms: float) -> None:
    below, _ = slow_start(alone, [rtt_ms, rtt_ms + threshold_ms - 0.1])
    at, _ = slow_start(alone, [rtt_ms, rtt_ms + threshold_ms])
    assert below.c.baseline == 0
    assert at.c.baseline > 0


def test_an_acknowledgement_adds_at_most_eight_packets_unpaced(alone: Any) -> None:
    flow = alone(Cubic)
    flow.f.acked, flow.f.last_rtt = 20, 10**8
    assert hystart.growth(flow.f, flow.c) == 8
    flow.f.pacing_rate = 1000.0
    assert hystart.growth(flow.f, flow.c) == 20
