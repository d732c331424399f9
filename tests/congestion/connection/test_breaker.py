"""What keeps losing falls, and grows little."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion import dumbbell, simulate
from astraea.congestion.connection import breaker
from astraea.congestion.connection import window as driven
from astraea.congestion.connection.motion import LEAST, UNIT
from astraea.congestion.controllers.policy import Policy


def losing(alone: Any, lost: int, of: int, rounds: int, window: int = 64) -> Any:
    """Return a flow of ``window`` packets after round trips that lost ``lost`` of ``of`` packets each."""
    flow = alone(Policy)
    flow.ack(50)
    flow.c.starting, flow.c.window, flow.c.drains = 0, window * UNIT, 1
    breaker.forget(flow.f, flow.c)
    for _ in range(rounds):
        flow.f.lost += lost
        flow.ack(50, of - lost, round_start=True)
    return flow


def test_more_than_a_tenth_lost_halves_the_window_each_round_trip(alone: Any) -> None:
    assert losing(alone, 10, 100, 20).c.window == 64 * UNIT
    assert losing(alone, 11, 100, 1).c.window == 32 * UNIT
    assert losing(alone, 11, 100, 5).c.window == 2 * UNIT
    assert losing(alone, 50, 100, 40).c.window == LEAST


def test_one_round_trip_of_losses_among_good_ones_is_forgiven(alone: Any) -> None:
    flow = losing(alone, 0, 100, 20)
    flow.f.lost += 60  # of 760 or so that count
    flow.ack(50, 40, round_start=True)
    assert flow.c.window == 64 * UNIT
    flow.f.lost += 60
    flow.ack(50, 40, round_start=True)
    assert flow.c.window == 32 * UNIT
    flow.ack(50, 100, round_start=True)  # below again
    assert flow.c.window == 32 * UNIT


def test_no_policy_grows_fast_while_a_twentieth_is_lost(alone: Any) -> None:
    flow = losing(alone, 6, 100, 20)
    flow.c.gain = UNIT // 4
    driven.act(flow.f, flow.c, 1.0)
    assert flow.c.window == 64 * UNIT + UNIT // 2
    flow = losing(alone, 4, 100, 20)
    flow.c.gain = UNIT // 4
    driven.act(flow.f, flow.c, 1.0)
    assert flow.c.window == 80 * UNIT


@pytest.mark.compiled
def test_forty_flows_on_a_tenth_of_what_they_would_need_lose_little() -> None:
    """A fair share of 0.4 packets a round trip: without the floor 72 % of all packets were lost."""
    rng = np.random.default_rng(1)
    flows = [{"controller": "policy", "start_s": float(rng.uniform(0, 5))} for _ in range(40)]
    result = simulate(dumbbell(flows, capacity_mbps=5, rtt_ms=40, duration_s=20.0))
    late = result.sent[-1] if result.sent.ndim > 1 else result.sent
    assert result.lost.sum() < 0.2 * late.sum()
    assert (result.goodput > 0).all()
