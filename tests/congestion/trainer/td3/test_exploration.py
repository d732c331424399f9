"""Exploration: the schedule at points worked out by hand, and what it does to actions."""

from __future__ import annotations

import numpy as np
import pytest

from astraea.congestion.trainer.td3.exploration import LastingNoise, epsilon_at, explored
from astraea.congestion.trainer.td3.settings import Td3Settings

SETTINGS = Td3Settings(epsilon=1.0, epsilon_end=0.05, exploration_actions=1000, worlds_at_once=4)


@pytest.mark.parametrize(
    ("flow_steps", "epsilon"), [(0, 1.0), (1000, 1 - 0.95 / 4), (2000, 0.525), (4000, 0.05), (10**9, 0.05)]
)
def test_epsilon_falls_in_a_line_stretched_by_the_number_of_worlds(flow_steps: int, epsilon: float) -> None:
    assert epsilon_at(SETTINGS, flow_steps) == pytest.approx(epsilon)


def test_the_published_schedule_counts_the_actions_of_one_world() -> None:
    alone = Td3Settings(worlds_at_once=1)
    assert epsilon_at(alone, 750_000) == pytest.approx(0.525)
    assert epsilon_at(alone, 1_500_000) == pytest.approx(0.05)


def test_a_share_of_actions_is_random_and_the_rest_stays() -> None:
    actions = np.full(20_000, 0.3, np.float32)
    found = explored(actions, 0.25, np.random.default_rng(0))
    random = found[found != np.float32(0.3)]
    assert found.dtype == np.float32
    assert len(random) == pytest.approx(5000, rel=0.05)
    assert abs(random).max() <= 1
    assert random.std() == pytest.approx(1 / np.sqrt(3), rel=0.05)
    assert np.array_equal(explored(actions, 0.0, np.random.default_rng(0)), actions)


def test_noise_lasts_as_long_as_it_is_said_to() -> None:
    rng, noise = np.random.default_rng(0), LastingNoise((100, 200), 0.5)
    noise.restart(rng)
    where = np.nonzero(np.ones((100, 200)))
    before = noise.at(where, np.zeros(20_000, np.float32), rng)
    after = noise.at(where, np.full(20_000, 0.5, np.float32), rng)
    assert after.std() == pytest.approx(1, rel=0.02)
    assert np.corrcoef(before, after)[0, 1] == pytest.approx(np.exp(-1), abs=0.02)


def test_noise_is_each_flows_own_and_changes_when_it_is_asked() -> None:
    rng, noise = np.random.default_rng(0), LastingNoise((2, 2), 1.0)
    noise.restart(rng)
    every = np.nonzero(np.ones((2, 2)))
    still = noise.at(every, np.zeros(4, np.float32), rng)
    noise.at((np.array([1]), np.array([0])), np.array([3.0], np.float32), rng)
    moved = noise.at(every, np.zeros(4, np.float32), rng) != still
    assert moved.tolist() == [False, False, True, False]
