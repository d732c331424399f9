"""What servers are told, worked out by hand; noise has the chances that its name says."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from astraea.balance.privacy import LocalDP, Plain, SecureSum
from astraea.balance.privacy.estimate import estimated_histograms, estimated_totals
from astraea.balance.privacy.geometric import two_sided_geometric
from astraea.balance.privacy.local_dp import noisy_counts
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


def test_little_noise_leaves_counts_nearly_as_they_are() -> None:
    rng = np.random.default_rng(1)
    told = noisy_counts(np.array([100, 0, 50]), 20.0, lambda bound: int(rng.integers(bound)))
    assert told.tolist() == [100, 0, 50]
    told_by = LocalDP(epsilon=20.0).told(HELD, rng)
    assert told_by.histograms.tolist() == HELD.tolist()
    assert LocalDP(epsilon=0.5).told(HELD, rng).epsilon == 0.5


def test_totals_are_the_mean_of_what_is_not_negative() -> None:
    """One client, ε = ln 2: the variance is 2 · ½ / ¼ = 4. A sum of 0 stands for half a normal, of mean 2 √(2/π)."""
    found = estimated_totals(np.array([[0, 40]]), math.log(2))
    assert found.tolist() == pytest.approx([2 * math.sqrt(2 / math.pi), 40.0])


def test_a_posterior_mean_weighs_noise_against_what_all_hold() -> None:
    """Two classes, all alike: the mean of the negative binomial (shape 5) by the chances of the noise, written out."""
    epsilon, noisy = 1.0, np.array([[3, 5], [5, 3]])
    at, size = np.arange(60), 8.0
    mean = size / 2

    def posterior(told: int) -> float:
        chances = [
            math.exp(
                math.lgamma(n + 5) - math.lgamma(n + 1) + n * math.log(mean / (mean + 5)) - epsilon * abs(told - n)
            )
            for n in at
        ]
        return float(np.average(at, weights=chances))

    low, high = posterior(3), posterior(5)
    expected = size * high / (low + high)
    found = estimated_histograms(noisy, epsilon, np.array([8, 8]))
    assert found.tolist() == [[round(size - expected), round(expected)], [round(expected), round(size - expected)]]


def test_a_sum_is_exact_and_nobody_is_taken_to_hold_what_nobody_holds() -> None:
    held = np.array([[8, 0, 2], [3, 0, 9], [1, 0, 1]])
    for epsilon in (0.0, 0.5, 20.0):
        told = SecureSum(epsilon=epsilon).told(held, np.random.default_rng(0))
        assert told.counts.tolist() == [12, 0, 12]
        assert told.histograms.sum(axis=0).tolist() == [12, 0, 12]
        assert told.histograms.any(axis=1).all()
    assert told.histograms.tolist() == held.tolist()
    nothing = SecureSum(epsilon=0.0).told(held, np.random.default_rng(0)).histograms
    assert nothing.tolist() == [[4, 0, 4]] * 3


@pytest.mark.parametrize("way", [{"name": "local-dp", "epsilon": 0.5}, "secure-sum"])
def test_what_is_told_is_no_reason_to_skip_a_visit(way: Any) -> None:
    settings = {
        "rounds": 2,
        "scenario": {"clients": 6, "samples": 120},
        "algorithm": {"clients_per_round": 6, "capacity": 3},
        "privacy": {"histograms": way},
    }
    assert run(parse_settings(settings)).summary["visits_skipped"] == 0
