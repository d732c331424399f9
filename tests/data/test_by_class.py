"""Skew class by class: who gets which classes, worked out or held against what the benchmarks promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astraea.data.by_class import Classes, DirichletByClass
from astraea.errors import InputError


def histograms(y: np.ndarray, owners: np.ndarray, clients: int) -> np.ndarray:
    table = np.zeros((clients, y.max() + 1), int)
    np.add.at(table, (owners, y), 1)
    return table


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 50))
def test_each_client_holds_exactly_so_many_classes(classes: int, per_client: int, seed: int) -> None:
    per_client = min(per_client, classes)
    clients = 7
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(classes) * 2, 40))  # odd classes have no sample
    owners = Classes(per_client=per_client).owners(y, np.ones(clients, int), np.random.default_rng(seed))
    held = histograms(y, owners, clients)
    assert ((held > 0).sum(axis=1) == per_client).all()
    assert held.sum(axis=0).tolist() == np.bincount(y).tolist()
    having = (held > 0).sum(axis=0)[::2]
    assert np.ptp(having) <= 1  # each class with about as many clients
    for c in range(0, 2 * classes, 2):  # who divide it evenly
        assert np.ptp(held[held[:, c] > 0, c]) <= 1


def test_what_cannot_be_is_refused() -> None:
    y = np.repeat([0, 1, 2], [50, 50, 2])
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match="per_client is 4, but the samples have 3 classes"):
        Classes(per_client=4).owners(y, np.ones(5, int), rng)
    with pytest.raises(InputError, match="2 clients with 1 classes each hold at most 2 of 3 classes"):
        Classes(per_client=1).owners(y, np.ones(2, int), rng)
    with pytest.raises(InputError, match="class 2, counted from 0, has 2 samples for 5 clients"):
        Classes(per_client=3).owners(y, np.ones(5, int), rng)


@given(st.floats(0.01, 100), st.integers(0, 50), st.integers(1, 5))
def test_shares_of_classes_are_drawn_until_all_have_enough(beta: float, seed: int, least: int) -> None:
    y = np.repeat(np.arange(4), [90, 60, 30, 20])
    rng = np.random.default_rng(seed)
    owners = DirichletByClass(beta=beta).owners(y, np.full(5, least), rng)
    held = histograms(y, owners, 5)
    assert held.sum(axis=0).tolist() == [90, 60, 30, 20]
    assert held.sum(axis=1).min() >= least


def test_small_beta_gives_a_class_to_few_clients() -> None:
    y = np.repeat(np.arange(10), 200)

    def holders(beta: float) -> float:
        owners = DirichletByClass(beta=beta).owners(y, np.ones(20, int), np.random.default_rng(0))
        return float((histograms(y, owners, 20) > 0).sum(axis=0).mean())

    assert holders(0.05) < 6
    assert holders(100) == 20


def test_too_much_asked_of_a_draw_is_said() -> None:
    with pytest.raises(InputError, match="1,000 draws gave no partition in which each of 5 clients has 4 of 20"):
        DirichletByClass(beta=0.1).owners(np.repeat([0, 1], 10), np.full(5, 4), np.random.default_rng(0))
