"""One gradient step: targets by hand, soft updates, who moves when, and that critics learn what is true."""

from __future__ import annotations

import pytest
import torch

from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.trainer.td3.buffer import Batch
from astraea.congestion.trainer.td3.learner import Learner, follow, largest_return, targets
from astraea.congestion.trainer.td3.networks import Actor
from astraea.congestion.trainer.td3.settings import Td3Settings

OBSERVATION = ObservationSettings(features="scale-free", history=1)  # 6 values
SMALL = Td3Settings(
    observation=OBSERVATION,
    actor_widths=(16, 8),
    critic_widths=(32, 16),
    policy_frequency=3,
    actor_lr=1e-3,
    batch_size=64,
)


def batch(count: int = 64, seed: int = 0, discount: float = 0.0) -> Batch:
    g = torch.Generator().manual_seed(seed)
    seen, after = torch.randn(count, 8, generator=g), torch.randn(count, 8, generator=g)
    action = 2 * torch.rand(count, generator=g) - 1
    reward = action * seen[:, 0].sign()  # best is the sign of what is seen first
    return Batch(seen, after, action, reward, torch.full((count,), discount))


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_targets_take_the_smaller_of_two_values() -> None:
    values = torch.tensor([[4.0, -1.0, 2.0], [3.0, 5.0, 2.0]])
    some = Batch(
        torch.zeros(3, 1),
        torch.zeros(3, 1),
        torch.zeros(3),
        torch.tensor([0.1, 0.2, 0.3]),
        torch.tensor([0.9, 0.5, 0.0]),
    )
    assert targets(some, values).tolist() == pytest.approx([0.1 + 0.9 * 3, 0.2 - 0.5, 0.3])
    assert targets(some, values, 0.25).tolist() == pytest.approx([0.25, -0.25, 0.25])


def test_targets_are_held_within_what_rewards_can_come_to() -> None:
    assert largest_return(Td3Settings(gamma=0.98)) == pytest.approx(0.1 * 50)  # the published reward is at most 0.1
    by_time = Td3Settings(gamma=0.81, gamma_s=0.06)  # of 60 ms: 0.9 of an interval of 30 ms
    assert largest_return(by_time) == pytest.approx(0.1 * 10)
    held = Learner(SMALL.model_copy(update={"target_clamp": True, "policy_frequency": 1, "tau": 1.0}), seen=8)
    most = largest_return(held.settings)
    for k in range(60):
        losses = held.improve([batch(seed=k, discount=0.5)._replace(reward=torch.full((64,), 100.0))], noise())
    assert losses.value < 1.5 * most


def test_the_actor_may_wait_for_the_critics_to_learn() -> None:
    learner = Learner(SMALL.model_copy(update={"policy_frequency": 1, "actor_starts": 2}), seen=8)
    before = learner.tensors()
    assert learner.improve([batch(), batch(seed=1)], noise()).actor is None
    assert all(torch.equal(learner.tensors()[name], before[name]) for name in before if name.startswith("actor/"))
    assert learner.improve([batch(seed=2)], noise()).actor is not None


def test_a_target_moves_by_tau_and_takes_over_the_moments() -> None:
    g = torch.Generator().manual_seed(0)
    slow, fast = Actor((2, 2, 1), True, g), Actor((2, 2, 1), True, g)
    for target, source in zip(slow.parameters(), fast.parameters(), strict=True):
        target.data.fill_(1.0)
        source.data.fill_(3.0)
    fast.norms[0].mean.fill_(7.0)
    follow(slow, fast, 0.25)
    assert all(torch.equal(p, torch.full_like(p, 1.5)) for p in slow.parameters())
    assert slow.norms[0].mean.tolist() == [7.0, 7.0]


def test_actor_and_targets_wait_for_the_critics() -> None:
    learner = Learner(SMALL, seen=8)
    before = learner.tensors()
    losses = learner.improve([batch(), batch(seed=1)], noise())
    after = learner.tensors()
    moved = {
        name.split("/")[0] for name, value in after.items() if name in before and not torch.equal(value, before[name])
    }
    assert moved == {"critic"}
    assert losses.actor is None
    assert learner.improve([batch(seed=2)], noise()).actor is not None
    third = learner.tensors()
    moved = {name.split("/")[0] for name in before if not torch.equal(third[name], after[name])}
    assert moved == {"actor", "actor_target", "critic", "critic_target"}


def test_rates_decay_with_the_actors_steps() -> None:
    learner = Learner(SMALL.model_copy(update={"policy_frequency": 1, "lr_decay": 0.5, "lr_decay_every": 2}), seen=8)
    rates = []
    for _ in range(5):
        learner.improve([batch()], noise())
        rates.append(learner._critic_adam.param_groups[0]["lr"])
    assert rates == pytest.approx([1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4])


def test_the_actor_finds_the_action_that_pays() -> None:
    learner = Learner(SMALL.model_copy(update={"critic_lr": 5e-3, "policy_frequency": 2}), seen=8)
    seen = batch(400, seed=99).seen
    assert (learner.act(seen[:, :6]) * seen[:, 0].sign()).mean() < 0.2
    learner.improve([batch(seed=k) for k in range(600)], noise())
    assert (learner.act(seen[:, :6]) * seen[:, 0].sign()).mean() > 0.7


def test_values_are_of_all_that_follows() -> None:
    """With reward 1 at each step and a discount of a half, everything is worth 2."""
    learner = Learner(SMALL.model_copy(update={"tau": 0.2, "policy_frequency": 1}), seen=8)
    made = [batch(seed=k, discount=0.5)._replace(reward=torch.ones(64)) for k in range(400)]
    losses = learner.improve(made[:350], noise())
    losses = learner.improve(made[350:], noise())
    assert losses.value == pytest.approx(2.0, abs=0.1)


def test_a_learner_restored_goes_on_bit_for_bit() -> None:
    first = Learner(SMALL, seen=8)
    first.improve([batch(seed=k) for k in range(7)], noise())
    second = Learner(SMALL.model_copy(update={"seed": 5}), seen=8)
    second.restore(first.tensors(), first.steps)
    for learner in (first, second):
        learner.improve([batch(seed=k) for k in range(7, 20)], noise())
    one, two = first.tensors(), second.tensors()
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
