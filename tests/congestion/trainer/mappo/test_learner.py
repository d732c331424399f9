"""MAPPO's parts by hand: advantages, clipped losses, the scale of returns; and that an update follows them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.residual import PLACES, REACH, turn
from astraea.congestion.trainer.mappo.advantages import fill_advantages
from astraea.congestion.trainer.mappo.learner import (
    Learner,
    Rollout,
    Scale,
    clipped_loss,
    value_loss,
)
from astraea.congestion.trainer.mappo.settings import MappoSettings, mappo_settings
from astraea.congestion.trainer.subjects import network_subject
from astraea.errors import InputError

FIELDS = ObservationSettings().fields
SEEN = len(FIELDS) + 16


def observations(count: int) -> np.ndarray:
    """Return features in 1/1024, anywhere in their ranges."""
    low, high = (np.array([getattr(field, end) * 1024 for field in FIELDS]) for end in ("low", "high"))
    return np.rint(np.random.default_rng(1).uniform(low, high, (count, len(FIELDS)))).astype(np.int32)


def test_advantages_of_two_flows_in_turn_by_hand() -> None:
    # decisions 0 and 2 are one flow's, 1 is another's; of the last of each what comes after is known by its value alone
    out = np.empty(3)
    earned, values, after = np.array([1.0, 2, 3]), np.array([10.0, 20, 30]), np.array([30.0, 40, 50])
    fill_advantages(earned, np.full(3, 0.5), values, after, np.array([2, -1, -1]), 0.5, out)
    # 3 + 25 - 30; 2 + 20 - 20; 1 + 15 - 10 + 0.5 * 0.5 * -2
    assert out.tolist() == [5.5, 2.0, -2.0]


def test_discounts_are_each_decisions_own() -> None:
    out = np.empty(2)
    fill_advantages(np.ones(2), np.array([0.5, 0.25]), np.zeros(2), np.array([0.0, 8]), np.array([1, -1]), 1.0, out)
    assert out.tolist() == [1 + 0.5 * 3, 1 + 0.25 * 8]


def test_the_clipped_loss_by_hand() -> None:
    ratio, gains = torch.tensor([1.5, 0.5, 1.1]), torch.tensor([1.0, -1.0, -2.0])
    # 1.2 in place of 1.5; -0.8 in place of -0.5, as it is smaller; -2.2
    assert float(clipped_loss(ratio, gains, 0.2)) == pytest.approx(-(1.2 - 0.8 - 2.2) / 3)


def test_beyond_the_clip_nothing_pulls() -> None:
    ratio = torch.tensor([1.5, 0.5, 1.5], requires_grad=True)
    clipped_loss(ratio, torch.tensor([1.0, -1.0, -1.0]), 0.2).backward()
    assert ratio.grad is not None
    assert ratio.grad.tolist() == pytest.approx([0, 0, 1 / 3])  # the last may come back


@pytest.mark.parametrize(
    ("clip", "delta", "loss"),
    [(math.inf, 10, 0.5), (0.2, 10, 1.62), (0.2, 1, 1.3)],
    ids=["of the value", "of the value held near the old", "in a line beyond delta"],
)
def test_the_value_loss_by_hand(clip: float, delta: float, loss: float) -> None:
    one = torch.ones(1)
    assert float(value_loss(one, 0 * one, 2 * one, clip, delta)) == pytest.approx(loss)


def test_the_scale_of_returns_by_hand() -> None:
    scale = Scale(0.5)
    assert scale.moments() == (0, 1)
    scale.update(torch.tensor([1.0, 3.0]))
    assert scale.moments() == pytest.approx((2, 1))
    scale.update(torch.tensor([4.0, 4.0]))  # twice the weight of the first
    assert scale.moments() == pytest.approx((10 / 3, math.sqrt((5 + 2 * 16) / 3 - 100 / 9)))


def test_an_actor_begins_as_its_subject_and_its_export_acts_as_it_does() -> None:
    learner = Learner(MappoSettings(hidden=(5, 3)))
    start = network_subject(learner.settings.control, np.random.default_rng(0), (5, 3)).start
    assert len(learner.actor.numbers()) == len(start) == 25 * 5 + 5 + 5 * 3 + 3 + 3 + 1
    features = observations(50)
    assert learner.actor(torch.from_numpy((features / 1024).astype(np.float32))).abs().max() == 0
    with torch.no_grad():
        learner.actor.shifts.copy_(torch.linspace(-2, 2, len(start)))
    policy = learner.subject.policy(learner.actor.numbers().detach().numpy(), {})
    said = learner.actor(torch.from_numpy((features / 1024).astype(np.float32)))[:, 0].tolist()
    assert [policy.action(x) for x in features] == pytest.approx(said, abs=1e-5)
    assert max(said) - min(said) > 0.05


def test_a_residual_says_in_integers_what_its_actor_says() -> None:
    learner = Learner(mappo_settings())
    with torch.no_grad():  # weights that integers of 1/1024 hold exactly
        drawn = torch.randn(len(learner.actor.start), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        learner.actor.start.copy_((drawn * 100).round() / 1024)
    policy = learner.subject.policy(learner.actor.numbers().detach().numpy(), {})
    features = observations(50)
    means = learner.actor(torch.from_numpy((features / 1024).astype(np.float32))).detach().numpy()
    law = np.array(learner.settings.law)
    room, turned = np.zeros((2, max(policy.header.widths)), np.int64), np.zeros(len(LAW), np.int64)
    for x, mean in zip(features, means, strict=True):
        turn(policy.weights.astype(np.int64), np.array(policy.header.widths), x, room, turned)
        for place, said in zip(PLACES, mean, strict=True):
            wanted = np.clip(law[place] / 1024 + np.clip(said, -REACH, REACH), LAW[place].low, LAW[place].high)
            assert turned[place] / 1024 == pytest.approx(wanted, abs=0.02)  # shifts of integers round down
    assert np.abs(means).max() > 0.5


def a_rollout(learner: Learner, count: int, best: float) -> Rollout:
    """Return decisions that earn the more, the nearer what was said is to ``best``, and that nothing follows."""
    rng = torch.Generator().manual_seed(learner.steps)
    seen = torch.zeros(count, SEEN)
    said, logprob = learner.say(seen, rng)
    earned = -((said[:, 0].double().numpy() - best) ** 2)
    nothing = np.zeros(count)
    return Rollout(
        seen.numpy(), said.numpy(), logprob.numpy(), learner.values(seen), earned, nothing, nothing,
        np.full(count, -1),
    )  # fmt: skip


def test_what_pays_becomes_what_is_said() -> None:
    learner = Learner(MappoSettings(hidden=(4,), actor_lr=0.02, critic_lr=3e-3))
    rng = np.random.default_rng(0)
    losses = [learner.improve(a_rollout(learner, 512, 0.4), rng) for _ in range(10)]  # many more, and noise is all
    assert float(learner.actor(torch.zeros(1, 25)).detach()) == pytest.approx(0.4, abs=0.1)
    assert losses[-1].deviation < losses[0].deviation  # and it is sure of it
    assert all(0 <= found.clip_fraction <= 1 and found.approx_kl >= 0 for found in losses)


def test_the_critic_learns_what_is_earned() -> None:
    learner = Learner(MappoSettings(hidden=(4,), actor_lr=1e-9, critic_lr=3e-3, deviation=1e-3))
    rng = np.random.default_rng(0)
    for _ in range(30):
        learner.improve(a_rollout(learner, 512, 2.0), rng)
    assert learner.values(torch.zeros(1, SEEN))[0] == pytest.approx(-4, abs=0.1)


def test_a_learner_restored_goes_on_bit_for_bit() -> None:
    settings = mappo_settings(seed=3)
    first = Learner(settings)
    first.improve(a_rollout(first, 64, 0.3), np.random.default_rng(0))
    second = Learner(settings)
    second.restore(first.tensors(), first.steps)
    for learner in (first, second):
        learner.improve(a_rollout(learner, 64, 0.3), np.random.default_rng(1))
    assert first.steps == second.steps == 40
    mine, theirs = first.tensors(), second.tensors()
    assert mine.keys() == theirs.keys()
    assert all(bool((mine[name] == theirs[name]).all()) for name in mine)


def test_making_a_learner_takes_no_random_numbers_of_others() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    Learner(MappoSettings())
    assert bool((torch.get_rng_state() == before).all())


def test_settings_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(InputError, match=r"hidden layers are 1 to 32 wide, got \[64\]"):
        MappoSettings(hidden=(64,))
    with pytest.raises(InputError, match="num_minibatches 8 is more than num_steps 4"):
        MappoSettings(num_steps=4, num_minibatches=8)
    with pytest.raises(InputError, match="law must hold the 18 numbers of a law for a residual, and none"):
        MappoSettings(subject="residual")
    with pytest.raises(InputError, match="controller must be 'policy', got 'aurora'"):
        MappoSettings(worlds={"controller": "aurora"})
