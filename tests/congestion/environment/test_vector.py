"""Many worlds in one call: independent of threads, equal to one world alone, and what is refused."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from astraea.congestion import FlowSettings, LinkSettings, RewardSettings, VectorEnvironment, WorldRanges, WorldSettings
from astraea.congestion.environment.vector import checked_actions
from astraea.errors import InputError

RANGES = WorldRanges(
    flows=(1, 2), bandwidth_mbps=(1, 2), rtt_ms=(30, 60), buffer_bdp=(1, 2), duration_s=1.0, gap_s=(0.1, 0.3),
    cross_share=0.5, cross_traffic=("newreno",), jitter_ms=(0, 2), ack_every=(1, 2),
)  # fmt: skip


def trajectory(env: VectorEnvironment, steps: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    env.reset()
    rows = []
    for _ in range(steps):
        env.step(rng.uniform(-1, 1, env.due.shape))
        rows += [env.observations.copy(), env.rewards.copy(), env.states.copy(), env.due.copy(), env.ended.copy()]
    env.close()
    return rows


def test_threads_change_nothing() -> None:
    one = trajectory(VectorEnvironment(RANGES, count=3, seed=5), 25)
    two = trajectory(VectorEnvironment(RANGES, count=3, seed=5, threads=2), 25)
    other = trajectory(VectorEnvironment(RANGES, count=3, seed=6), 25)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_world_is_the_same_alone_and_among_others() -> None:
    alone = VectorEnvironment(RANGES, count=1, seed=5)
    among = VectorEnvironment(RANGES, count=3, seed=5)
    for env in (alone, among):
        env.reset()
    for _ in range(20):
        assert np.array_equal(alone.observations[0], among.observations[0])
        assert np.array_equal(alone.rewards[0], among.rewards[0])
        for env in (alone, among):
            env.step(np.full(env.due.shape, -0.5))


def test_after_every_step_each_world_asks_somebody_and_begins_anew_at_its_end() -> None:
    env = VectorEnvironment(RANGES, count=2, seed=1)
    env.reset()
    first = list(env.worlds)
    assert not env.ended.any()
    renewed = np.zeros(2, bool)
    while not renewed.all():
        before = list(env.worlds)
        env.step(np.zeros(env.due.shape))
        assert env.due.any(axis=1).all()
        assert not (env.due & ~env.present).any()
        assert (env.elapsed[env.due] >= 0.029).all()
        assert [a is not b for a, b in zip(before, env.worlds, strict=True)] == env.ended.tolist()
        renewed |= env.ended
    assert all(a.seed != b.seed for a, b in zip(first, env.worlds, strict=True))
    assert env.count == 2
    assert env.flows == 3
    assert env.states.shape == (2, env.state_size)


def test_shares_count_cross_traffic_and_what_the_application_has() -> None:
    # 1.2 Mbit/s are 100 packets/s; one flow has data for 10 of them, cross traffic and the other learned flow share 90
    world = WorldSettings(
        links=(LinkSettings(capacity_mbps=1.2, delay_ms=20, buffer_bytes=30_000),),
        flows=(
            FlowSettings(controller="policy"),
            FlowSettings(controller="policy", app_mbps=0.12),
            FlowSettings(controller="newreno"),
        ),
        duration_s=3.0,
    )
    env = VectorEnvironment(world, count=1)
    env.reset()
    assert env._arena.batch.shares[0] == pytest.approx([45, 10, 45])


def test_weights_divide_the_link() -> None:
    world = WorldSettings(
        links=(LinkSettings(capacity_mbps=1.2, delay_ms=20, buffer_bytes=30_000, loss=0.1),),
        flows=(FlowSettings(controller="policy", parameter=2.0), FlowSettings(controller="policy")),
        duration_s=1.0,
    )
    env = VectorEnvironment(world, count=1)
    env.reset()
    assert env._arena.batch.shares[0] == pytest.approx([60, 30])  # of the 90 % that arrive


@pytest.mark.compiled
def test_the_shrinking_window_earns_less_than_the_steered_one() -> None:
    """Steering towards a few own packets in the queue beats always shrinking and always growing."""
    policies: dict[str, Any] = {
        "shrink": lambda env: np.full(env.due.shape, -1.0),
        "grow": lambda env: np.full(env.due.shape, 1.0),
        "steer": lambda env: np.clip(np.log2(1 + 8 * 5) - env.observations[:, :, 0], -1, 1),
    }
    means = {}
    for name, policy in policies.items():
        env = VectorEnvironment(WorldRanges(buffer_bdp=(1, 2), duration_s=20), count=8, seed=2)
        env.reset()
        earned = []
        for _ in range(1500):
            env.step(policy(env))
            earned.append(env.rewards[env.due].mean())
        means[name] = np.mean(earned[300:])
    assert means["steer"] > means["grow"] + 0.1
    assert means["steer"] > means["shrink"] + 0.3


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("copied", [deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["copied", "pickled"])
def test_a_copy_goes_on_as_the_original_would(copied: Callable[[Any], Any], threads: int) -> None:
    env = VectorEnvironment(RANGES, count=2, seed=1, threads=threads)
    env.reset()
    other = copied(env)
    asked = other.due.copy()
    for _ in range(10):
        env.step(np.full(env.due.shape, 0.5))
    assert (other.due == asked).all()  # its own worlds
    for _ in range(10):
        other.step(np.full(other.due.shape, 0.5))
        assert (other.due == other._arena.batch.due).all()
    assert other.observations.tobytes() == env.observations.tobytes()
    assert (other.due == env.due).all()
    env.close()
    other.close()


def test_rounding_of_actions_is_forgiven() -> None:
    found = checked_actions(np.array([1 + 1e-7, -1 - 1e-7, 0.5]))
    assert found.tolist() == [1.0, -1.0, 0.5]
    with pytest.raises(InputError, match=r"an action is 1\.00001"):
        checked_actions(np.array([1.00001]))


def test_a_credit_mixes_what_all_earn_with_what_a_flow_earns_itself() -> None:
    envs = [
        VectorEnvironment(RANGES, count=2, seed=1, reward=RewardSettings(**fields))
        for fields in ({}, {"kind": "own"}, {"credit": 0.25})
    ]
    for env in envs:
        env.reset()
    differ = 0
    for _ in range(200):
        for env in envs:
            env.step(np.zeros(env.due.shape))
        common, own, mixed = (env.rewards for env in envs)
        assert np.allclose(mixed, 0.75 * common + 0.25 * own, atol=1e-6)
        differ += int((abs(common - own) > 0.01).sum())
    assert differ > 10


def test_each_flows_own_reward() -> None:
    env = VectorEnvironment(RANGES, count=2, seed=1, reward=RewardSettings(kind="own"))
    env.reset()
    for _ in range(10):
        env.step(np.zeros(env.due.shape))
        assert (env.rewards[env.due] <= 1).all()
        assert (env.rewards[~env.due] == 0).all()


@pytest.mark.parametrize(
    ("actions", "sentence"),
    [
        (np.zeros((2, 2)), r"actions have shape \(2, 2\)"),
        (np.full((1, 3), np.nan), "an action is nan"),
        (np.full((1, 3), -1.5), "an action is -1.5"),
    ],
)
def test_bad_actions_are_refused(actions: np.ndarray, sentence: str) -> None:
    env = VectorEnvironment(RANGES, count=1)
    with pytest.raises(InputError, match="reset"):
        env.step(actions)
    env.reset()
    with pytest.raises(InputError, match=sentence):
        env.step(actions)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        VectorEnvironment(RANGES, count=0)
    with pytest.raises(InputError, match="no flow is ever asked"):
        VectorEnvironment(RANGES.model_copy(update={"duration_s": 0.02}), count=1).reset()
