from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astraea.balance import kl_to_uniform
from astraea.data import (
    Dataset,
    Samples,
    Scenario,
    ScenarioSettings,
    build_scenario,
    load_dataset,
)
from astraea.data.labels import EMNIST_CHARACTERS
from astraea.errors import InputError


def _samples(counts: list[int], columns: dict[str, np.ndarray] | None = None) -> Samples:
    """Samples whose ``x`` is their row number, in a fixed random order of classes."""
    y = np.random.default_rng(99).permutation(np.repeat(np.arange(len(counts)), counts))
    return Samples(np.arange(len(y), dtype=np.float64)[:, None], y, columns or {})


def _dataset(train: list[int], test: list[int] | None = None, names: tuple[str, ...] | None = None) -> Dataset:
    names = names or tuple(f"c{i}" for i in range(len(train)))
    return Dataset("toy", _samples(train), None if test is None else _samples(test), names)


def _build(dataset: Dataset, seed: int = 0, validation: float = 0.0, **settings: Any) -> Scenario:
    return build_scenario(dataset, ScenarioSettings(**settings), seed, validation)


def _rows(samples: Samples) -> list[int]:
    return samples.x[:, 0].astype(int).tolist()


skews = st.sampled_from(
    [
        {"skew": "random"},
        {"skew": "random", "sizes": "uploads"},
        {"skew": "stratified", "sizes": "lognormal"},
        {"skew": "dirichlet", "dirichlet_beta": 0.1},
        {"skew": "dirichlet", "sizes": "uploads"},
        {"skew": "shards", "shards_per_client": 3},
    ]
)
distributions = st.sampled_from(["as-is", "balanced", "letter-frequency", "half-normal", "zipf", "linear", "long-tail"])


@given(distributions, skews, st.integers(1, 20), st.integers(0, 1000), st.sampled_from([0.0, 0.1, 0.5]))
def test_every_sample_in_use_belongs_to_exactly_one_client(
    labels: str, skew: dict[str, Any], clients: int, seed: int, validation: float
) -> None:
    dataset = _dataset([300, 200, 250, 280])
    scenario = _build(dataset, seed, validation, labels=labels, clients=clients, **skew)
    owned = np.concatenate(scenario.clients)
    assert sorted(owned.tolist()) == list(range(len(scenario.train)))
    assert min(map(len, scenario.clients)) >= 1
    assert len(scenario.clients) == len(scenario.client_names) == clients
    assert (scenario.histograms.sum(axis=0) == scenario.global_counts).all()

    parts = [scenario.train, scenario.test] + ([scenario.validation] if scenario.validation else [])
    rows = [row for part in parts for row in _rows(part)]
    assert len(set(rows)) == len(rows)  # nothing is in two of them
    for part in parts:
        assert (dataset.train.y[_rows(part)] == part.y).all()


@given(skews, st.integers(0, 1000))
def test_a_seed_is_a_scenario(skew: dict[str, Any], seed: int) -> None:
    dataset = _dataset([60, 60, 60])
    first, again, other = (_build(dataset, s, 0.1, clients=5, samples=120, **skew) for s in (seed, seed, seed + 1))
    assert _rows(first.train) == _rows(again.train)
    assert first.validation is not None
    assert again.validation is not None
    assert _rows(first.validation) == _rows(again.validation)
    assert _rows(first.test) == _rows(again.test)
    assert all((a == b).all() for a, b in zip(first.clients, again.clients, strict=True))
    assert _rows(first.train) != _rows(other.train)


def test_the_training_samples_do_not_depend_on_how_they_are_divided_or_tested() -> None:
    dataset = _dataset([60, 60], [9, 5])
    one = _build(dataset, labels="linear", clients=3)
    two = _build(dataset, labels="linear", clients=9, skew="dirichlet", sizes="uploads", test="balanced")
    assert _rows(one.train) == _rows(two.train)


@pytest.mark.parametrize(
    ("name", "client_kl", "global_kl", "samples"),
    [
        ("ltrf1", 0.550, 0.265, 117_500),
        ("cinic-half-normal", 0.412, 0.389, 75_851),
        ("cinic-zipf", 1.09, 1.066, 27_895),
        ("cinic-linear", 0.166, 0.151, 99_000),
    ],
)
def test_papers_scenarios_have_the_papers_divergences(
    name: str, client_kl: float, global_kl: float, samples: int
) -> None:
    dataset = (
        _dataset([8_000] * 47, [400] * 47, EMNIST_CHARACTERS) if name == "ltrf1" else _dataset([18_000] * 10, [9] * 10)
    )
    scenarios = [_build(dataset, seed, name=name) for seed in range(3)]
    assert {len(s.train) for s in scenarios} == {samples}
    assert {s.notes for s in scenarios} == {()}
    assert kl_to_uniform(scenarios[0].global_counts) == pytest.approx(global_kl, abs=1e-3)
    mean = np.mean([kl_to_uniform(s.histograms).mean() for s in scenarios])
    assert mean == pytest.approx(client_kl, abs=0.035)


def test_bal1_gives_every_client_five_of_each_class() -> None:
    scenario = _build(_dataset([2_500] * 47, [500] * 47), name="BAL1")
    assert (scenario.histograms == 5).all()
    assert scenario.histograms.shape == (500, 47)
    assert scenario.test.counts(47).tolist() == [400] * 47
    assert scenario.notes == ("The test set is 400 random samples of each class, out of 23,500 in all.",)


def test_a_papers_scenario_is_scaled_to_a_smaller_dataset_with_a_note() -> None:
    scenario = _build(_dataset([600] * 10, [100] * 10), name="cinic-half-normal")
    assert scenario.global_counts.tolist() == [600, 548, 458, 350, 244, 156, 91, 48, 23, 10]
    (note,) = scenario.notes
    assert note == (
        "Class 'c0' has 600 training samples where 18,000 are asked for: all counts are scaled by 0.0333, "
        "to 2,528 samples instead of 75,851."
    )


def test_explicit_counts_are_kept() -> None:
    scenario = _build(_dataset([50, 50, 50], [5, 5, 5]), labels="counts", counts=[30, 0, 7], clients=4)
    assert scenario.global_counts.tolist() == [30, 0, 7]
    assert scenario.notes == ("No client holds a sample of 'c1': nothing is learnt about it.",)


def test_a_test_set_is_kept_or_balanced() -> None:
    dataset = _dataset([20] * 3, [9, 5, 7])
    assert _build(dataset, clients=2).test is dataset.test
    assert _build(dataset, clients=2, test="balanced").test.counts(3).tolist() == [5, 5, 5]
    assert _build(dataset, clients=2, test="balanced", test_per_class=2).test.counts(3).tolist() == [2, 2, 2]


def test_a_class_without_test_samples_is_noted_and_cannot_be_balanced() -> None:
    dataset = _dataset([20] * 3, [9, 0, 7])
    assert _build(dataset, clients=2).notes == ("The test set has no sample of 'c1': nothing is measured about it.",)
    with pytest.raises(InputError, match="no sample of 'c1', so it cannot be balanced"):
        _build(dataset, clients=2, test="balanced")


def test_without_a_test_set_a_share_of_each_class_is_held_out() -> None:
    scenario = _build(_dataset([100, 10]), clients=2, test_share=0.3)
    assert scenario.test.counts(2).tolist() == [30, 3]
    assert scenario.global_counts.tolist() == [70, 7]
    assert scenario.notes == ("'toy' has no test set: 33 training samples are held out as one.",)


def test_validation_is_a_share_of_each_class_in_use() -> None:
    scenario = _build(_dataset([100, 40, 2], [1, 1, 1]), validation=0.1, clients=2)
    assert scenario.validation is not None
    assert scenario.validation.counts(3).tolist() == [10, 4, 1]
    assert scenario.global_counts.tolist() == [90, 36, 1]
    assert _build(_dataset([9, 9], [1, 1]), clients=2).validation is None


def _by_writer(test: bool) -> Dataset:
    writers = np.array(["ann", "bob", "cleo", "dan"])
    train = _samples([60, 20], {"writer": np.repeat(writers, 20)})
    columns = {"writer": np.array(["bob", "eve", "ann", "dan", "bob"])}
    return Dataset("letters", train, _samples([3, 2], columns) if test else None, ("a", "b"))


def test_a_column_divides_the_data_and_names_clients_and_test_samples() -> None:
    scenario = _build(_by_writer(test=True), skew="column", column="writer")
    assert scenario.client_names == ("ann", "bob", "cleo", "dan")
    assert [len(rows) for rows in scenario.clients] == [20] * 4
    for name, rows in zip(scenario.client_names, scenario.clients, strict=True):
        assert set(scenario.train.columns["writer"][rows].tolist()) == {name}
    assert scenario.test_clients is not None
    assert scenario.test_clients.tolist() == [1, -1, 0, 3, 1]
    assert _build(_by_writer(test=True), clients=3).test_clients is None


def test_some_values_of_a_column_and_their_test_samples() -> None:
    scenario = _build(_by_writer(test=True), skew="column", column="writer", clients=2)
    assert len(scenario.clients) == 2
    assert len(scenario.train) == 40
    expected = [
        scenario.client_names.index(w) if w in scenario.client_names else -1
        for w in ("bob", "eve", "ann", "dan", "bob")
    ]
    assert scenario.test_clients is not None
    assert scenario.test_clients.tolist() == expected


def test_by_column_test_and_validation_come_from_every_client() -> None:
    scenario = _build(_by_writer(test=False), validation=0.25, skew="column", column="writer", test_share=0.2)
    assert scenario.validation is not None
    assert scenario.test_clients is not None
    assert np.bincount(scenario.test_clients).tolist() == [4, 4, 4, 4]
    writers, held = np.unique(scenario.validation.columns["writer"], return_counts=True)
    assert writers.tolist() == ["ann", "bob", "cleo", "dan"]
    assert held.tolist() == [4, 4, 4, 4]
    assert [len(rows) for rows in scenario.clients] == [12] * 4


def test_clients_whom_the_label_distribution_leaves_nothing_are_left_out_with_a_note() -> None:
    y = np.array([0, 0, 0, 1, 1, 1])
    train = Samples(np.zeros((6, 1)), y, {"site": np.array(["x", "x", "y", "z", "z", "z"])})
    dataset = Dataset("sites", train, _samples([1, 1]), ("a", "b"))
    scenario = _build(dataset, skew="column", column="site", labels="counts", counts=[3, 0])
    assert scenario.client_names == ("x", "y")
    assert [len(rows) for rows in scenario.clients] == [2, 1]
    assert any("1 of 3 clients are left out" in note for note in scenario.notes)


def test_index_lists_divide_the_data() -> None:
    dataset = _dataset([4, 4], [1, 1])
    scenario = _build(dataset, skew="indices", indices=[[7, 0], [3]])
    assert [_rows(scenario.train.take(rows)) for rows in scenario.clients] == [[0, 7], [3]]


def test_scenarios_say_what_they_are() -> None:
    dataset = _dataset([40, 40], [1, 1])
    assert _build(_dataset([2500] * 2, [1, 1]), name="LTRF1").name == "ltrf1"
    assert _build(dataset, clients=2, labels="zipf", name="bal2").name == "bal2 with clients = 2, labels = zipf"
    assert _build(dataset, clients=2).name == "as-is labels, random skew, even sizes"
    assert (
        _build(dataset, clients=2, labels="zipf", skew="dirichlet", dirichlet_beta=0.3).name
        == "zipf labels, dirichlet (beta 0.3) skew, even sizes"
    )
    assert _build(dataset, clients=2, skew="shards").name == "as-is labels, shards (2 a client) skew"


@pytest.mark.parametrize(
    ("settings", "validation", "message"),
    [
        ({"clients": 300}, 0.0, "more clients than samples: 300 clients but 80 samples"),
        ({"clients": 50, "skew": "shards"}, 0.0, "50 clients with 2 shards each need 100 samples"),
        ({"labels": "counts", "counts": [1]}, 0.0, "has 1 numbers, the data 2 classes"),
        ({"skew": "column", "column": "writer"}, 0.0, r"no column 'writer' \(it has none\)"),
        ({"skew": "indices", "indices": [[0], [80]]}, 0.0, "lists row 80"),
        ({"min_per_class": 50}, 0.0, "fewer than scenario.min_per_class = 50"),
        ({}, 1.0, "validation share must be at least 0 and below 1, got 1"),
        ({}, -0.1, "validation share"),
        ({"skew": "indices", "indices": [[0], [1]]}, 0.1, "2 training samples are too few to hold out 0.1"),
    ],
)
def test_impossible_scenarios_are_refused(settings: dict[str, Any], validation: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        _build(_dataset([40, 40], [5, 5]), 0, validation, **settings)


def test_an_empty_dataset_is_refused() -> None:
    with pytest.raises(InputError, match="'toy' has no training sample"):
        _build(_dataset([0, 0]))


def test_femnist_is_divided_by_its_writers(data_dir: Path) -> None:
    dataset = load_dataset("femnist", dir=data_dir)
    scenario = _build(dataset, skew="column", column="writer", validation=0.1)
    assert len(scenario.clients) == 300
    assert scenario.validation is not None
    assert len(scenario.train) + len(scenario.validation) == 41_198
    assert abs(len(scenario.validation) - 4_120) <= 62
    assert scenario.test_clients is not None
    assert (scenario.test_clients >= 0).all()
    writers = dataset.train.columns["writer"]
    held = {name: int((writers == name).sum()) for name in scenario.client_names}
    left = {name: len(rows) for name, rows in zip(scenario.client_names, scenario.clients, strict=True)}
    assert all(abs(held[name] * 0.9 - left[name]) < 3 for name in held)


@pytest.mark.parametrize("train", [np.int64, np.float64, np.float32, np.str_])
@pytest.mark.parametrize("test", [np.int64, np.float64, np.uint8, np.str_])
def test_clients_are_known_in_the_test_set_whatever_the_dtype_of_their_column(train: type, test: type) -> None:
    x, y = np.zeros((4, 2), np.float32), np.array([0, 1, 0, 1])
    site = np.array([7, 7, 12, 12])
    dataset = Dataset(
        "sites",
        Samples(x, y, {"site": site.astype(train)}),
        Samples(x[:3], y[:3], {"site": np.array([12, 7, 5]).astype(test)}),
        ("a", "b"),
    )
    scenario = build_scenario(dataset, skew="column", column="site")
    owner = {name: k for k, name in enumerate(scenario.client_names)}
    assert set(owner) == {"7", "12"}
    assert scenario.test_clients is not None
    assert scenario.test_clients.tolist() == [owner["12"], owner["7"], -1]


def test_an_empty_site_is_refused() -> None:
    samples = Samples(np.zeros((2, 1), np.float32), np.array([0, 1]), {"site": np.array([1.0, np.nan])})
    with pytest.raises(InputError, match="column 'site' is empty in 1 rows, first in row 1"):
        build_scenario(Dataset("d", samples, samples, ("a", "b")), skew="column", column="site")


def test_sites_of_the_data_are_the_clients_unless_the_skew_is_said() -> None:
    samples = Samples(np.zeros((4, 1), np.float32), np.array([0, 1, 0, 1]), {"site": np.array(["n", "n", "s", "s"])})
    dataset = Dataset("d", samples, samples, ("a", "b"), site_column="site")
    assert build_scenario(dataset).client_names == ("n", "s")
    said = build_scenario(dataset, skew="random", clients=3)
    assert len(said.clients) == 3
    assert any("Column 'site' names sites, but they are not the clients" in note for note in said.notes)
