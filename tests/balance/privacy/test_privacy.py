"""What servers are told, worked out by hand; noise has the chances that its name says."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from astraea.balance.privacy import LocalDP, Plain, SecureSum
from astraea.balance.privacy.geometric import two_sided_geometric
from astraea.balance.privacy.local_dp import nearest_counts, noisy_counts
from astraea.balance.privacy.secure_sum import histograms_from_codes
from astraea.experiment.run import run
from astraea.experiment.settings import parse_settings

HELD = np.array([[4, 0], [0, 4]])


def test_the_plain_way_tells_all() -> None:
    told = Plain().told(HELD, np.random.default_rng(0))
    assert told.histograms.tolist() == HELD.tolist()
    assert told.counts.tolist() == [4, 4]
    assert told.epsilon == math.inf


def test_noise_falls_by_e_to_the_epsilon_with_each_step() -> None:
    rng = np.random.default_rng(0)
    drawn = [two_sided_geometric(Fraction(1), lambda bound: int(rng.integers(bound))) for _ in range(20_000)]
    ratio = math.exp(-1)
    for size in range(4):
        chance = (1 - ratio) / (1 + ratio) * ratio**size
        for value in {size, -size}:
            assert drawn.count(value) / len(drawn) == pytest.approx(chance, abs=0.01)


@pytest.mark.parametrize(
    ("noisy", "nearest"),
    [
        ([5, -2, 3], [4, 0, 2]),  # both that are left give half of the missing two
        ([-1, -2], [1, 0]),  # somebody holds at least one sample
        ([2, 2, 0], [2, 2, 0]),
        ([3, 3, -1], [3, 2, 0]),  # 2.5 and 2.5, of which the first is rounded up
    ],
)
def test_noisy_counts_become_counts_of_the_same_total(noisy: list[int], nearest: list[int]) -> None:
    assert nearest_counts(np.array(noisy)).tolist() == nearest


def test_little_noise_leaves_large_counts_nearly_as_they_are() -> None:
    rng = np.random.default_rng(1)
    told = noisy_counts(np.array([100, 0, 50]), 20.0, lambda bound: int(rng.integers(bound)))
    assert told.tolist() == [100, 0, 50]
    assert LocalDP(epsilon=0.5).told(HELD, rng).epsilon == 0.5


def test_a_sum_is_exact_and_clients_are_taken_to_hold_more_of_the_class_they_named() -> None:
    told = SecureSum(code_epsilon=50.0).told(HELD, np.random.default_rng(0))
    assert told.counts.tolist() == [4, 4]
    assert told.histograms.tolist() == [[3, 1], [1, 3]]
    told = SecureSum(code_epsilon=0.0).told(np.array([[8, 2]] * 2), np.random.default_rng(0))
    assert told.counts.tolist() == [16, 4]


def test_codes_never_give_a_client_a_class_that_nobody_holds() -> None:
    told = histograms_from_codes(np.array([6, 0, 2]), np.array([1, 2]), 0.9)
    assert told[:, 1].tolist() == [0, 0]
    assert told.sum(axis=1).tolist() == [4, 4]


@pytest.mark.parametrize("way", [{"name": "local-dp", "epsilon": 0.5}, "secure-sum"])
def test_what_is_told_is_no_reason_to_skip_a_visit(way: Any) -> None:
    settings = {
        "rounds": 2,
        "scenario": {"clients": 6, "samples": 120},
        "algorithm": {"clients_per_round": 6, "capacity": 3},
        "privacy": {"histograms": way},
    }
    assert run(parse_settings(settings)).summary["visits_skipped"] == 0
