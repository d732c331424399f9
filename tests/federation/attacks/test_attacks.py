"""What each attack does, on numbers by hand; where hostile clients come; who they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from astraea.data.dataset import Samples
from astraea.experiment.prepare import prepare
from astraea.experiment.run import run
from astraea.experiment.settings import parse_settings
from astraea.federation.attacks import (
    Adversary,
    Attack,
    AttackSettings,
    Backdoor,
    Collusion,
    Garbage,
    LabelFlip,
    LyingHistogram,
    NotANumber,
    Scaled,
    SignFlip,
    Zero,
)
from astraea.federation.attacks.base import adversary_of
from astraea.federation.plan import Chain, ChainState, LocalTraining, RoundPlan, Visit

BEFORE, AFTER = torch.tensor([1.0, 2.0]), torch.tensor([2.0, 0.0])
TINY: dict[str, Any] = {
    "rounds": 1,
    "scenario": {"clients": 6, "samples": 120},
    "algorithm": {"capacity": 3, "clients_per_round": 6, "mediator_epochs": 1},
}


def handed(attack: Attack) -> torch.Tensor:
    return attack.handed_on(BEFORE, AFTER, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("attack", "found"),
    [
        (Zero(), [0.0, 0.0]),
        (SignFlip(), [0.0, 4.0]),
        (SignFlip(factor=10), [-9.0, 22.0]),
        (Scaled(factor=100), [101.0, -198.0]),
        (Collusion(factor=2), [3.0, -2.0]),
        (Backdoor(), [2.0, 0.0]),
        (LabelFlip(), [2.0, 0.0]),
        (LyingHistogram(), [2.0, 0.0]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_is_handed_on(attack: Attack, found: list[float]) -> None:
    assert handed(attack).tolist() == found


def test_garbage_is_random_and_nan_is_not_a_number() -> None:
    assert torch.equal(handed(Garbage(scale=2.0)), 2 * handed(Garbage()))
    assert handed(Garbage()).tolist() not in (BEFORE.tolist(), AFTER.tolist())
    assert all(math.isnan(value) for value in handed(NotANumber()).tolist())


def test_labels_are_flipped_moved_on_and_called_by_the_rarest_class() -> None:
    counts = np.array([9, 2, 5, 0])
    samples = Samples(np.zeros((3, 1, 4, 4), np.float32), np.array([0, 2, 3]))
    assert LabelFlip().poisoned(samples, counts).y.tolist() == [3, 1, 0]
    assert Collusion().poisoned(samples, counts).y.tolist() == [1, 3, 0]
    bright = Samples(np.ones((3, 1, 4, 4), np.float32) * np.arange(3, dtype=np.float32)[:, None, None, None], samples.y)
    marked = Backdoor(mark=2).poisoned(bright, counts)
    assert marked.y.tolist() == [1, 2, 1]
    assert marked.x[0, 0].tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 2, 2], [0, 0, 2, 2]]
    assert (marked.x[1] == 1).all()
    assert (bright.x[0] == 0).all()
    target = Backdoor().target(Samples(bright.x, np.array([1, 2, 0])), counts)
    assert target.samples.y.tolist() == [2, 0]
    assert target.wanted.tolist() == [1, 1]
    assert LabelFlip().target(samples, counts).wanted.tolist() == [3, 1, 0]


def test_a_lie_is_about_the_most_frequent_class() -> None:
    assert LyingHistogram(count=1000).told(np.array([1, 5, 2])).tolist() == [1, 1000, 2]


@pytest.mark.parametrize(
    ("place", "order"),
    [("any", [0, 1, 2, 0, 1, 2]), ("first", [1, 0, 2, 1, 0, 2]), ("last", [0, 2, 1, 0, 2, 1])],
)
def test_hostile_clients_take_their_places_in_each_pass(place: Any, order: list[int]) -> None:
    visits = tuple(Visit(client, pass_) for pass_ in range(2) for client in range(3))
    start = ChainState(torch.zeros(2), torch.empty(0, dtype=torch.int64))
    plan = RoundPlan(0, 0, start, (Chain(0, visits),), LocalTraining(1, 1, "SGD", 0.1))
    adversary = Adversary(AttackSettings(attack=Zero(), place=place), frozenset([1]), 0)
    placed = adversary.placed(plan)
    assert [visit.client for visit in placed.chains[0].visits] == order
    assert placed.adversary is adversary


def test_a_share_of_the_clients_is_drawn_from_the_seed() -> None:
    settings = AttackSettings(attack=Zero(), share=0.2)
    found = adversary_of(settings, 20, 7)
    assert found is not None
    assert len(found.clients) == 4
    assert adversary_of(settings, 20, 7) == found
    assert adversary_of(settings, 2, 7) is None
    assert adversary_of(AttackSettings(), 20, 7) is None


def test_a_lie_reaches_copies_prior_and_weight_up_to_the_bound_and_the_summary_names_the_liar() -> None:
    lie = {"attacks": {"attack": "lying-histogram", "share": 0.17}, "balance": {"most_samples": 2.0}}
    held, free = (
        prepare(parse_settings({**TINY, **lie, "balance": {"most_samples": most}})) for most in (2.0, float("inf"))
    )
    assert free.rebalancing.copies.max() > 1000 / 10  # tens of thousands, but for the bound on copies
    assert held.rebalancing.copies.max() <= 2
    assert held.population.told is not None
    honest = np.median(held.population.told.sum(axis=1))
    assert held.population.told.sum(axis=1).max() <= 2 * honest * (1 + held.rebalancing.copies.max())
    result = run(parse_settings({**TINY, **lie}))
    assert result.summary["defence"]["counts_bounded"] == result.summary["defence"]["hostile"]


@pytest.mark.parametrize("attack", ["label-flip", "backdoor", "collusion"])
def test_attacks_with_a_target_are_measured(attack: str) -> None:
    result = run(parse_settings({**TINY, "attacks": {"attack": attack, "share": 0.5}}))
    assert 0 <= result.history[-1]["attack_success"] <= 1
    assert result.summary["defence"]["attack"] == attack
