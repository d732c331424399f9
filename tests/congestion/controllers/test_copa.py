"""Copa: its target rate, velocity and modes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion import simulate
from astraea.congestion.controllers.copa import Copa
from astraea.congestion.simulator.topology import dumbbell


def settled(alone: Any, window: float, base_ms: float = 100.0) -> Any:
    """Return a flow past its start-up with the given window."""
    flow = alone(Copa)
    flow.round(base_ms)
    flow.c.starting = 0
    flow.f.cwnd = flow.c.last_cwnd = window
    return flow


def test_it_doubles_until_the_rate_passes_the_target(alone: Any) -> None:
    flow = alone(Copa)
    flow.round(100)
    assert flow.f.cwnd == 20
    assert flow.c.starting
    # 20 packets at 120 ms, 20 ms of them queueing: target 2 / 0.02 = 100 packets/s, rate 20 / 0.12 = 167
    flow.now += 10**9
    flow.ack(120)
    assert not flow.c.starting


@pytest.mark.parametrize(("window", "direction"), [(11.9, 1), (12.1, -1)])
def test_it_moves_towards_the_target(alone: Any, window: float, direction: int) -> None:
    # base 100 ms, standing 120 ms: target 100 packets/s is a window of 12; a step is 1 / (delta cwnd)
    flow = settled(alone, window)
    flow.now += 10**9
    flow.c.rising = direction > 0
    flow.ack(120)
    assert flow.f.cwnd - window == pytest.approx(direction * 2 / window)
    assert flow.f.pacing_rate == pytest.approx(2 * flow.f.cwnd / 0.12)


def test_the_velocity_doubles_after_three_rounds_one_way(alone: Any) -> None:
    flow = settled(alone, 50.0)
    velocities = []
    for _ in range(6):
        flow.c.empty_at = flow.now
        flow.round(100)  # nothing queues: always up
        velocities.append(flow.c.velocity)
    assert velocities == [1, 1, 1, 1, 2, 4]  # the first round has nothing to compare with


def test_it_competes_where_the_queue_never_empties(alone: Any) -> None:
    flow = settled(alone, 50.0)
    for _ in range(12):
        flow.round(200)
        flow.f.cwnd = 50.0
    assert flow.c.delta_inverse > 4
    before = flow.c.delta_inverse
    flow.lose()
    flow.round(200)
    assert flow.c.delta_inverse == pytest.approx(max(before / 2, 2))


def test_a_full_queue_taken_for_distance_lets_it_double_whatever_is_lost(alone: Any) -> None:
    flow = settled(alone, 2.0)
    windows = []
    for _ in range(12):
        flow.lose()
        flow.round(100)  # the buffer is always full: never longer, never shorter
        windows.append(flow.f.cwnd)
    assert flow.c.delta_inverse == 2
    assert [round(later / earlier) for earlier, later in zip(windows[-4:], windows[-3:], strict=False)] == [2, 2, 2]


@pytest.mark.compiled
def test_a_buffer_of_two_packets_never_stops_it() -> None:
    world = dumbbell([{"controller": "copa"}], capacity_mbps=50.0, rtt_ms=30.0, buffer_bdp=0.0, duration_s=20.0)
    result = simulate(world)
    assert result.lost[0] > 0.8 * result.sent[0]
    assert np.median(result.cwnd[0, 100:]) > 500  # the path holds 125


@pytest.mark.compiled
def test_alone_it_keeps_a_small_queue_that_empties() -> None:
    result = simulate(dumbbell([{"controller": "copa"}], capacity_mbps=50.0, rtt_ms=40.0, duration_s=30.0))
    queued = result.backlog_bytes[0, 50:] / 1500
    assert 0.5 <= queued.mean() <= 8  # 1 / delta = 2 packets, and the oscillation that empties it
    assert result.link_utilisation[0] > 0.97


@pytest.mark.compiled
def test_it_holds_its_own_against_cubic_where_vegas_cannot() -> None:
    def share(controller: str) -> float:
        flows = [{"controller": controller}, {"controller": "cubic"}]
        result = simulate(dumbbell(flows, capacity_mbps=50.0, rtt_ms=30.0, duration_s=90.0))
        return float(result.goodput_mbps[0, 300:].mean() / result.goodput_mbps[:, 300:].mean(axis=1).sum())

    assert share("vegas") < 0.1
    assert share("copa") > 0.2


@pytest.mark.compiled
def test_losses_alone_do_not_slow_it() -> None:
    result = simulate(
        dumbbell([{"controller": "copa"}], capacity_mbps=50.0, rtt_ms=30.0, duration_s=30.0, link={"loss": 0.01})
    )
    assert np.mean(result.goodput_mbps[0, 100:]) > 45
