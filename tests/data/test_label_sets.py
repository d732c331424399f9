"""Samples with any number of labels: how they are recognised, counted, copied and divided; numbers by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import astraea
from astraea.balance.augmentation import augmented_rows
from astraea.balance.histograms import client_histograms
from astraea.balance.rebalancing import rebalancing
from astraea.data.label_sets import are_sets, rarest, sets_of, split_cells, with_none
from astraea.data.loaders.arrays import together
from astraea.data.loaders.table import Table
from astraea.errors import InputError
from astraea.federation.clients import Population

X = np.arange(12.0, dtype=np.float32).reshape(6, 2) / 7
ROWS = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 1], [0, 0, 0], [1, 1, 0], [1, 0, 0]])
NAMES: list[Any] = [{"a"}, ["a", "b"], ("a", "c"), set(), {"b", "a"}, ["a"]]


@pytest.mark.parametrize(
    ("labels", "several"),
    [
        (ROWS, True),
        (ROWS.astype(bool), True),
        (ROWS.tolist(), True),
        (NAMES, True),
        (np.eye(3), False),  # one-hot
        (ROWS[[0, 3]], False),  # one at most: a row without may be a mistake
        ([0, 1, 2], False),
        (["a", "b"], False),
        (np.array([[0.5, 2.0]]), False),
        ([[1, 0, 0], [0, 1, 0]], False),
    ],
)
def test_sets_are_told_from_classes(labels: Any, several: bool) -> None:
    assert are_sets(labels) == several


def test_a_sample_counts_in_every_class_and_goes_by_the_rarest() -> None:
    data = astraea.from_arrays(X, NAMES)
    assert data.class_names == ("a", "b", "c", "(none)")
    assert data.outputs == 3
    assert data.train.counts(4).tolist() == [5, 2, 1, 1]
    assert data.train.y.tolist() == [0, 1, 2, 3, 1, 0]
    assert "0.83" not in data.notes[0]
    assert "1.33 of 3 on average, 1 have none" in data.notes[0]
    same = astraea.from_arrays(X, ROWS, class_names=("a", "b", "c"))
    assert same.train.sets is not None
    assert data.train.sets is not None
    assert np.array_equal(same.train.sets, data.train.sets)
    both = together([data.train, data.train.take(np.array([2]))])
    assert both.counts(4).tolist() == [6, 2, 2, 1]


def test_histograms_and_copies_count_sets() -> None:
    members = with_none(sets_of(NAMES, None)[0], 4)
    clients = [np.array([0, 1, 2]), np.array([3, 4, 5])]
    assert client_histograms(members, clients, 4).tolist() == [[3, 1, 1, 0], [2, 1, 0, 1]]
    assert rarest(members, np.array([5, 2, 1, 1])).tolist() == [0, 1, 2, 3, 1, 0]
    change = rebalancing([5, 2, 1, 1], alpha=1.0)
    assert change.copies.tolist() == [0, 1, 2, 2]  # the mean is 2.25
    found = augmented_rows(members, clients[0], change, np.random.default_rng(0))
    assert sorted(found.rows.tolist()) == [0, 1, 1, 2, 2, 2]
    data = astraea.from_arrays(X, NAMES)
    population = Population.from_samples(data.train, clients, 4, change)
    assert population.sizes.tolist() == [6, 6]
    assert population.histograms.tolist() == [[6, 2, 3, 0], [3, 2, 0, 3]]


def test_rows_with_one_label_at_most_are_sets_if_that_is_said() -> None:
    with pytest.raises(InputError, match=r"row 1 of the labels names 0 classes: .* or say several=True"):
        astraea.from_arrays(X[:2], ROWS[[0, 3]])
    assert astraea.from_arrays(X[:2], ROWS[[0, 3]], several=True).class_names == ("0", "1", "2", "(none)")


def test_further_sets_are_read_by_the_classes_of_training() -> None:
    data = astraea.from_arrays(X, NAMES)
    assert data.reader.samples(X[:1], [{"c", "b"}]).sets.tolist() == [[False, True, True, False]]
    with pytest.raises(InputError, match="test label 'd' in row 1 is none of the classes: a, b, c"):
        data.reader.samples(X[:2], [{"a"}, {"d"}])
    full = astraea.from_arrays(X[:3], NAMES[:3])
    with pytest.raises(InputError, match="row 0 of the test labels has none, and all of training have some"):
        full.reader.samples(X[:1], [set()])


def test_cells_of_a_table_hold_labels_with_a_mark_between_them(tmp_path: Path) -> None:
    assert split_cells(["a; b", None, float("nan"), "c;"], ";") == [{"a", "b"}, set(), set(), {"c"}]
    path = tmp_path / "table.csv"
    path.write_text("p,q,tags\n" + "\n".join(f"0.{k},1.{k},{tags}" for k, tags in enumerate(["a;b", "", "a", "b;a"])))
    data = Table(path=str(path), label_column="tags", label_separator=";").load()
    assert data.class_names == ("a", "b", "(none)")
    assert data.train.counts(3).tolist() == [3, 2, 1]
    assert data.reader.samples(str(path)).counts(3).tolist() == [3, 2, 1]


@pytest.mark.parametrize("change", [{"labels": "zipf"}, {"test": "balanced"}, {"label_noise": 0.1}])
def test_what_draws_classes_one_by_one_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"draws or swaps classes one by one, and these samples have several labels"):
        astraea.build_scenario(astraea.from_arrays(X, NAMES), clients=2, **change)
