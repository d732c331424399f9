"""Vegas: two to four packets of its own in the queue."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion import simulate
from astraea.congestion.controllers.vegas import Vegas
from astraea.congestion.simulator.topology import dumbbell


@pytest.mark.parametrize(
    ("rtt_ms", "change"),
    [
        (105.0, 1),  # 40 (1 - 100 / 105) = 1.9 packets waiting
        (106.0, 0),  # 2.3
        (111.0, 0),  # 3.96
        (112.0, -1),  # 4.3
    ],
)
def test_the_window_moves_by_what_waits(alone: Any, rtt_ms: float, change: int) -> None:
    flow = alone(Vegas)
    flow.round(100)  # the base
    flow.f.ssthresh = flow.f.cwnd = 40.0
    flow.round(rtt_ms)
    flow.f.cwnd = 40.0
    flow.ack(rtt_ms, round_start=True)
    assert flow.f.cwnd - 40 == change


def test_slow_start_ends_when_a_packet_waits(alone: Any) -> None:
    flow = alone(Vegas)
    flow.round(100)
    assert flow.f.cwnd == 20
    flow.round(101)
    assert flow.f.cwnd == pytest.approx(40)  # 20 (1 - 100 / 101) = 0.2 waited
    flow.round(104)
    flow.ack(104, round_start=True)
    # of the last round's 80 packets, 80 (1 - 100 / 104) = 3.1 wait: back to what fits and one more
    assert flow.f.cwnd == pytest.approx(80 * 100 / 104 + 1, abs=1)
    assert flow.f.ssthresh == flow.f.cwnd


@pytest.mark.compiled
@pytest.mark.parametrize("flows", [1, 2, 4])
def test_each_flow_keeps_two_to_four_packets_queued(flows: int) -> None:
    # 8 ms apart, so that each finds the queue empty and learns the true base
    named = [{"controller": "vegas", "name": f"{k}", "start_s": 0.008 * k} for k in range(flows)]
    result = simulate(dumbbell(named, capacity_mbps=20.0, rtt_ms=40.0, duration_s=20.0))
    queued = result.backlog_bytes[0, 100:].mean() / 1500
    assert 2 * flows - 1 <= queued <= 4 * flows + 1
    assert result.link_utilisation[0] > 0.97
    assert np.nanmax(result.rtt_ms[:, 100:]) < 40 + 0.6 * (4 * flows + 2)


def test_a_loss_halves(alone: Any) -> None:
    flow = alone(Vegas)
    flow.f.cwnd = 30.0
    flow.lose()
    assert flow.f.ssthresh == 15
