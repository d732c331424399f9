from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from astraea.balance.divergence import kl_to_uniform
from astraea.balance.mediators import GreedyKL, Places, schedule_mediators
from astraea.errors import InputError

TWO = np.array([[0.0, 1.0], [1.0, 0.0]])  # two sites


def crossings(groups: list[list[int]], where: np.ndarray) -> int:
    return sum(int(where[a] != where[b]) for group in groups for a, b in pairwise(group))


def test_a_negligible_gain_in_balance_is_not_worth_a_crossing() -> None:
    counts = [[48, 52], [52, 48], [55, 45]]  # what completes client 0 is at the other site
    places = Places(np.array([0, 1, 0]), TWO)

    assert kl_to_uniform([[48 + 55, 52 + 45]])[0] < 0.001
    assert schedule_mediators(counts, 2, GreedyKL(), places=places) == [[0, 1], [2]]
    assert schedule_mediators(counts, 2, GreedyKL(network_weight=0.001), places=places) == [[0, 2], [1]]


def test_a_large_gain_in_balance_is() -> None:
    counts = [[10, 0], [10, 0], [0, 10], [0, 10]]
    places = Places(np.array([0, 0, 1, 1]), TWO)

    assert schedule_mediators(counts, 2, GreedyKL(network_weight=0.6), places=places) == [[0, 2], [1, 3]]  # gains log 2
    assert schedule_mediators(counts, 2, GreedyKL(network_weight=0.7), places=places) == [[0, 1], [2, 3]]


@pytest.mark.parametrize("seed", range(5))
def test_weight_0_is_the_schedule_of_before_and_crossings_fall_with_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts, where = rng.integers(1, 40, (30, 5)), rng.integers(0, 2, 30)
    places = Places(where, TWO)

    plain = schedule_mediators(counts, 6)
    groups = {w: schedule_mediators(counts, 6, GreedyKL(network_weight=w), places=places) for w in (0.0, 1.0)}

    assert groups[0.0] == plain
    assert crossings(groups[1.0], where) < crossings(plain, where)
    divergence = {w: kl_to_uniform([counts[g].sum(axis=0) for g in found]).mean() for w, found in groups.items()}
    assert divergence[0.0] <= divergence[1.0] + 0.02


def test_weighing_hand_overs_needs_a_network() -> None:
    with pytest.raises(InputError, match="weighs hand-overs on a network: name one with --network"):
        schedule_mediators([[1, 2]], 1, GreedyKL(network_weight=0.1))
