"""MLTCP's window by hand: NewReno's, with an increase that grows with what has arrived."""

from __future__ import annotations

from typing import Any

import pytest

from astraea.congestion import simulate
from astraea.congestion.controllers.mltcp import Mltcp


@pytest.mark.parametrize(("arrived", "increase"), [(0, 0.25), (50, 1.125), (100, 2.0), (200, 2.0)])
def test_the_increase_grows_with_the_share_that_has_arrived(alone: Any, arrived: int, increase: float) -> None:
    flow = alone(Mltcp)
    flow.f.parameter, flow.f.goodput = 100.0, arrived
    flow.f.ssthresh = flow.f.cwnd = 20.0
    flow.ack(50, packets=4)
    assert flow.f.cwnd == pytest.approx(20 + 4 * increase / 20)


def test_slow_start_and_losses_are_those_of_newreno(alone: Any) -> None:
    flow = alone(Mltcp)
    flow.f.parameter = 100.0
    flow.round(50)
    assert flow.f.cwnd == 20
    flow.lose()
    assert flow.f.ssthresh == 10


def test_the_simulator_tells_it_how_much_there_is_to_send() -> None:
    """Two transfers that overlap: who began first is ahead, grows faster and ends sooner than under NewReno."""
    link = {"capacity_mbps": 10, "delay_ms": 20, "buffer_bytes": 40_000}
    ends = {}
    for name in ("newreno", "mltcp"):
        flows = [{"controller": name, "size_bytes": 3_000_000, "start_s": at} for at in (0.0, 1.0)]
        ends[name] = simulate(links=(link,), flows=flows, duration_s=12).completion_s
    assert ends["mltcp"][0] < ends["newreno"][0]
