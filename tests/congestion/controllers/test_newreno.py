"""NewReno on hand-worked acknowledgements (RFC 5681)."""

from __future__ import annotations

from typing import Any

import pytest

from astraea.congestion.connection.record import OPEN, RECOVERY, TIMEOUT
from astraea.congestion.controllers import newreno
from astraea.congestion.controllers.newreno import NewReno


def test_slow_start_doubles_per_round(alone: Any) -> None:
    flow = alone(NewReno)
    assert flow.f.cwnd == 10
    flow.round(50)
    assert flow.f.cwnd == 20
    flow.round(50)
    assert flow.f.cwnd == 40


def test_congestion_avoidance_adds_a_packet_per_round(alone: Any) -> None:
    flow = alone(NewReno)
    flow.f.ssthresh = flow.f.cwnd = 20.0
    flow.round(50)
    assert flow.f.cwnd == pytest.approx(21, abs=0.03)


def test_growth_changes_at_the_threshold(alone: Any) -> None:
    flow = alone(NewReno)
    flow.f.ssthresh = 12.0
    flow.ack(50, packets=6)  # two packets of slow start, four at 1 / 12 each
    assert flow.f.cwnd == pytest.approx(12 + 4 / 12)


def test_a_loss_halves(alone: Any) -> None:
    flow = alone(NewReno)
    flow.f.cwnd = 31.0
    flow.lose()
    assert flow.f.ssthresh == 15.5
    flow.f.cwnd = 3.0
    flow.lose()
    assert flow.f.ssthresh == 2


def test_neither_recovery_nor_idleness_grows(alone: Any) -> None:
    flow = alone(NewReno)
    flow.f.recovering = RECOVERY
    flow.ack(50)
    flow.f.recovering = OPEN
    flow.f.window_limited = 0
    flow.ack(50)
    assert flow.f.cwnd == 10


def test_a_timeout_starts_over_and_halves_only_once(alone: Any) -> None:
    flow = alone(NewReno)
    flow.f.cwnd = 40.0
    newreno.on_timeout(flow.f, flow.c, 0)
    flow.f.recovering = TIMEOUT
    assert (flow.f.cwnd, flow.f.ssthresh) == (1, 20)
    newreno.on_timeout(flow.f, flow.c, 0)
    assert (flow.f.cwnd, flow.f.ssthresh) == (1, 20)


def test_a_weight_grows_as_so_many_flows_and_gives_up_what_one_does(alone: Any) -> None:
    flow = alone(NewReno)
    flow.f.parameter = 8.0
    flow.f.ssthresh = flow.f.cwnd = 32.0
    flow.ack(50, packets=4)  # 8 packets a window
    assert flow.f.cwnd == pytest.approx(32 + 8 * 4 / 32)
    flow.lose()
    assert flow.f.ssthresh == pytest.approx(33 * 15 / 16)
