"""Worlds under a policy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.metrics.score import ScoreSettings, score
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.play import Playing, simulate
from astraea.congestion.policy import Policy
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.policy import PolicyHeader
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.simulator.topology import dumbbell
from astraea.congestion.trainer.subjects import law_policy

LAW_START = law_policy([n.start for n in LAW], PolicySettings(gain=0.25))
SIZE = ObservationSettings().size


def shared(*controllers: str, duration_s: float = 2.0, **link: Any) -> WorldSettings:
    flows = [{"controller": name, "start_s": 0.1 * i} for i, name in enumerate(controllers)]
    return dumbbell(flows, **{"capacity_mbps": 10.0, "rtt_ms": 20.0, "duration_s": duration_s, **link})


def constant(action: float, controller: str = "policy") -> Policy:
    """Return a policy that always does the same."""
    weights = np.zeros(SIZE + 1, np.float32)
    weights[-1] = np.arctanh(action)
    return Policy(PolicyHeader(kind="network", controller=controller, widths=(SIZE, 1)), weights)


def test_classic_controllers_need_no_policy() -> None:
    result = simulate(shared("cubic", "newreno"))
    assert result.goodput.min() > 0


@pytest.mark.compiled
def test_a_policy_drives_its_flows_and_no_others() -> None:
    up, down = (simulate(shared("policy", "cubic"), policy=constant(a)) for a in (0.5, -0.5))
    assert up.cwnd[0, -1] > 2 * down.cwnd[0, -1]
    alone, beside = (simulate(shared("cubic"), policy=p) for p in (None, constant(0.5)))
    assert np.array_equal(alone.cwnd, beside.cwnd)


def test_a_policy_may_drive_a_rate() -> None:
    slow = simulate(shared("aurora"), policy=constant(-0.9, "aurora"))
    fast = simulate(shared("aurora"), policy=constant(0.9, "aurora"))
    assert fast.pacing_mbps[0, -1] > 1.5 * slow.pacing_mbps[0, -1]


def test_how_actions_are_applied_is_the_policys() -> None:
    result = simulate(shared("policy"), policy=LAW_START)
    assert result.settings.policy.gain == 0.25


def test_playing_in_parts_changes_nothing() -> None:
    world = shared("policy", "policy")
    whole = simulate(world, policy=LAW_START)
    playing = Playing(world, LAW_START)
    for until in (0.3, 0.9, 2.0):
        playing.run(until)
    parts = playing.read()
    assert np.array_equal(whole.cwnd, parts.cwnd)
    assert np.array_equal(whole.goodput_mbps, parts.goodput_mbps)


@pytest.mark.compiled
def test_even_the_law_that_the_search_begins_with_shares_fairly() -> None:
    """Theory alone, no training: three flows 5 s apart on 100 Mbit/s."""
    flows = [{"controller": "policy", "start_s": 5.0 * i} for i in range(3)]
    world = dumbbell(flows, capacity_mbps=100.0, rtt_ms=30.0, buffer_bdp=1.0, duration_s=40.0)
    found = score(simulate(world, policy=LAW_START), ScoreSettings(settle_s=10.0))
    assert found.jain > 0.97
    assert found.utilisation > 0.95
    assert found.queue_ms < 6
