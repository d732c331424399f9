"""The rate that a policy drives."""

from __future__ import annotations

from typing import Any

import pytest

from astraea.congestion.controllers import aurora
from astraea.congestion.controllers.aurora import Aurora
from astraea.congestion.simulator.build import build
from astraea.congestion.simulator.loop import REACHED, advance
from astraea.congestion.simulator.steering import act
from astraea.congestion.simulator.topology import dumbbell

MS = 1_000_000


def settled(alone: Any, rate: float) -> Any:
    flow = alone(Aurora)
    flow.ack(50)
    flow.c.starting = 0
    flow.c.rate = rate
    return flow


@pytest.mark.parametrize(("action", "rate"), [(1.0, 1025.0), (-1.0, 1000 / 1.025), (0.0, 1000.0)])
def test_actions_multiply_the_rate(alone: Any, action: float, rate: float) -> None:
    flow = settled(alone, 1000.0)
    aurora.act(flow.f, flow.c, action)
    assert flow.f.pacing_rate == pytest.approx(rate)
    assert flow.f.cwnd == pytest.approx(2 * rate * 0.05)


def test_the_first_loss_ends_start_up_at_the_rate_of_delivery(alone: Any) -> None:
    flow = alone(Aurora)
    flow.round(50)
    assert flow.f.cwnd == 20
    flow.f.sample_delivered, flow.f.sample_interval = 30, 60 * MS
    flow.lose()
    assert flow.c.rate == 500
    flow.lose()
    assert flow.c.rate == 500


def test_timeouts_halve_down_to_a_floor(alone: Any) -> None:
    flow = settled(alone, 30.0)
    for expected in (15, 10, 10):
        aurora.on_timeout(flow.f, flow.c, 0)
        assert flow.c.rate == expected


@pytest.mark.compiled
def test_it_sends_at_its_rate_whatever_the_round_trip() -> None:
    world = build(dumbbell([{"controller": "aurora", "name": "a"}], capacity_mbps=20.0, rtt_ms=40.0, duration_s=20.0))
    while (who := advance(world, 5_000 * MS, True)) != REACHED:
        act(world, who, -1.0 if world.flows[0].pacing_rate > 500 else 0.0)
    before = int(world.flows[0].sent)
    advance(world, 15_000 * MS, False)
    rate = world.flows[0].pacing_rate
    assert 480 < rate <= 500
    assert (world.flows[0].sent - before) / 10 == pytest.approx(rate, rel=0.01)
