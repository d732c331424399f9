"""Each case is read as it is meant; see conftest for what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import astraea
from astraea.balance import Rebalancing
from astraea.data import Dataset, build_scenario, load_dataset
from astraea.errors import InputError
from astraea.federation.clients import Population

COUNTS = [40, 20, 10, 6]
LONG_TAIL: dict[str, Any] = {"labels": "long-tail", "imbalance_factor": 10, "clients": 6, "min_per_class": 2}
ROUND: dict[str, Any] = {
    "name": "astraea",
    "clients_per_round": 6,
    "capacity": 3,
    "local_epochs": 1,
    "mediator_epochs": 2,
}


def pictures(cases: Path, name: str, **options: Any) -> Dataset:
    dataset = load_dataset("folder", path=cases / "images" / name, **options)
    assert dataset.class_names == ("d0", "d1", "d2", "d3")
    assert dataset.train.counts(4).tolist() == COUNTS
    return dataset


def centre_of_ink(dataset: Dataset, rows: slice) -> float:
    """How far down the ink of pictures lies, in [0, 1]."""
    ink = dataset.train.x[rows].astype(float).mean(axis=(0, 1)).sum(axis=1)
    return float((ink * np.arange(len(ink))).sum() / ink.sum() / (len(ink) - 1))


@pytest.mark.parametrize("name", ["nested_some", "some_webp", "notebook_dir", "grey16"])
def test_all_pictures_of_a_folder_are_read_grey_as_they_are(cases: Path, name: str) -> None:
    dataset = pictures(cases, name)
    assert dataset.train.x.shape == (76, 1, 32, 32)
    assert dataset.train.x.max() > 200


def test_sixteen_bits_are_the_same_pictures_as_eight(cases: Path) -> None:
    wide, plain = pictures(cases, "grey16"), pictures(cases, "notebook_dir")
    assert np.array_equal(wide.train.x, plain.train.x)
    assert np.array_equal(pictures(cases, "nested_some").train.x.sum(axis=0), plain.train.x.sum(axis=0))
    webp = pictures(cases, "some_webp").train.x.astype(int)
    assert np.abs(webp.sum(axis=0) - plain.train.x.sum(axis=0)).mean() < 76  # webp may be lossy


def test_what_was_left_out_is_said(cases: Path) -> None:
    assert any("2 files that are no images" in note for note in pictures(cases, "notebook_dir").notes)
    assert any("20 images lie in folders within" in note for note in pictures(cases, "nested_some").notes)


def test_phone_pictures_stand_upright(cases: Path) -> None:
    upright, plain = pictures(cases, "exif", colour="grey").train.x, pictures(cases, "notebook_dir").train.x
    assert upright.shape == plain.shape
    assert np.abs(upright.astype(int) - plain).mean() < 8  # JPEG is lossy


def test_drawings_in_the_alpha_channel_are_seen(cases: Path) -> None:
    dark = pictures(cases, "rgba_alpha_shape", colour="grey").train.x
    bright = pictures(cases, "notebook_dir").train.x
    assert np.abs((255 - dark.astype(int)) - bright).max() <= 1


def test_a_table_of_hospitals_trains_standardised(cases: Path) -> None:
    data = {"path": str(cases / "tables" / "cancer.csv"), "label_column": "diagnosis", "site_column": "hospital"}
    result = astraea.run(rounds=4, data={"name": "table", **data}, algorithm={**ROUND, "clients_per_round": 4})
    assert result.summary["accuracy_final"] > 0.9
    assert result.summary["clients"] == 4
    scenario = build_scenario(load_dataset("table", **data))
    assert scenario.client_names == ("A", "B", "C", "D")
    assert scenario.train.x.shape[1] == 30
    assert scenario.train.x.mean(axis=0) == pytest.approx(np.zeros(30), abs=1e-5)
    assert scenario.train.x.std(axis=0) == pytest.approx(np.ones(30), abs=1e-4)


def test_an_empty_cell_is_named_and_filled_only_when_asked_for(cases: Path) -> None:
    data = {"path": cases / "tables" / "cancer_missing.csv", "label_column": "diagnosis", "site_column": "hospital"}
    with pytest.raises(InputError, match=r"column 'mean_area' is empty in row 4: fill it in, or set data.missing"):
        load_dataset("table", **data)
    scenario = build_scenario(load_dataset("table", missing="mean", **data))
    assert np.isfinite(scenario.train.x).all()


@pytest.mark.parametrize("engine", ["serial", "stacked"])
def test_a_regression_is_one(cases: Path, engine: str) -> None:
    data = {"name": "table", "path": str(cases / "tables" / "diabetes.csv"), "label_column": "target"}
    result = astraea.run(
        rounds=15,
        data=data,
        scenario={"clients": 5},
        algorithm={**ROUND, "clients_per_round": 5},
        train={"lr": 0.02, "batch_size": 10},
        engine={"name": engine},
    )
    summary = result.summary
    assert summary["outputs"] == 1
    assert len(summary["class_names"]) == 5
    assert summary["regression"]["r2"] > 0.3
    assert result.model(torch.zeros(2, 10)).shape == (2, 1)


class Bag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(500, 8), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        assert x.dtype == torch.int64
        return self.head(self.table(x).mean(dim=1))


@pytest.mark.parametrize("storage", ["offline", "on-the-fly"])
def test_copies_keep_token_ids_and_embeddings_get_integers(cases: Path, storage: str) -> None:
    dataset = load_dataset("npz", path=cases / "arrays" / "tokens.npz")
    assert dataset.train.x.dtype == np.int64
    result = astraea.run(
        dataset=dataset, model=Bag(), rounds=2, scenario={"clients": 5}, algorithm=ROUND, balance={"storage": storage}
    )
    assert result.summary["visits_skipped"] == 0
    change = Rebalancing(np.full(10, 2.0), np.ones(10))
    population = Population.from_samples(
        dataset.train, [np.arange(len(dataset.train))], 10, change, on_the_fly=storage == "on-the-fly"
    )
    x, _ = population[0].epoch(torch.Generator().manual_seed(0))
    assert len(x) == 3 * len(dataset.train)
    assert {tuple(row) for row in x.tolist()} == {tuple(row) for row in dataset.train.x.tolist()}


class OneHot(nn.Module):
    """A linear model of codes 0 to 7."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(nn.functional.one_hot(x, 8).float().flatten(1))


@pytest.mark.parametrize("rebalancing", ["none", "mean-power"])
def test_codes_are_learnt_with_and_without_rebalancing(cases: Path, rebalancing: str) -> None:
    result = astraea.run(
        data={"name": "npz", "path": str(cases / "arrays" / "category_codes.npz")},
        model=OneHot(),
        rounds=8,
        scenario={"clients": 5},
        algorithm={**ROUND, "clients_per_round": 5},
        balance={"rebalancing": {"name": rebalancing}},
        train={"loss": "cross-entropy", "lr": 0.5},
    )
    with np.load(cases / "arrays" / "category_codes.npz") as arrays:
        table = np.zeros((8, 8, 2))
        np.add.at(table, (*arrays["x_train"].T, arrays["y_train"]), 1)
        best = (table.argmax(axis=2)[tuple(arrays["x_test"].T)] == arrays["y_test"]).mean()
    assert best > 0.9
    assert result.summary["accuracy_final"] >= best - 0.005


def test_one_hot_labels_are_classes(cases: Path) -> None:
    dataset = load_dataset("npz", path=cases / "arrays" / "onehot.npz")
    with np.load(cases / "arrays" / "onehot.npz") as arrays:
        assert dataset.train.y.tolist() == arrays["y"].argmax(axis=1).tolist()
    assert dataset.classes == 10


def test_labels_with_gaps_train_like_labels_without(cases: Path) -> None:
    with np.load(cases / "arrays" / "gap_labels.npz") as arrays:
        part = {name: arrays[name] for name in arrays.files}
    scale = part["x_train"].std(axis=0)
    x, test_x = part["x_train"] / scale, part["x_test"] / scale
    gaps = astraea.from_arrays(x, part["y_train"], test_x, part["y_test"])
    place = {3: 0, 7: 1, 100: 2}
    plain = astraea.from_arrays(
        x, [place[int(k)] for k in part["y_train"]], test_x, [place[int(k)] for k in part["y_test"]]
    )
    assert gaps.class_names == ("3", "7", "100")
    results = [
        astraea.run(dataset=dataset, rounds=4, scenario=LONG_TAIL, algorithm=ROUND).summary for dataset in (gaps, plain)
    ]
    for key in ("accuracy_final", "per_class_recall", "storage_overhead", "effective_prior"):
        assert results[0][key] == results[1][key]
    assert any(
        "differs by a factor" in note for note in load_dataset("npz", path=cases / "arrays" / "gap_labels.npz").notes
    )


def test_float_pictures_get_the_treatment_of_bytes(cases: Path) -> None:
    dataset = load_dataset("npz", path=cases / "arrays" / "float_images.npz")
    with np.load(cases / "arrays" / "float_images.npz") as arrays:
        again = astraea.from_arrays(
            np.rint(arrays["x_train"] * 255).astype(np.uint8), arrays["y_train"], name=dataset.name
        )
    assert (dataset.train.form.kind, dataset.train.form.layout) == (again.train.form.kind, again.train.form.layout)
    assert dataset.train.form.treatment == again.train.form.treatment == "rotated, shifted, sheared and zoomed"
    assert dataset.train.x == pytest.approx(again.train.x / 255, abs=1 / 255)


def test_rare_classes_of_volumes_are_trained(cases: Path) -> None:
    result = astraea.run(
        data={"name": "npz", "path": str(cases / "arrays" / "volumes.npz")},
        model=nn.Sequential(nn.Flatten(), nn.Linear(256, 10)),
        rounds=8,
        scenario=LONG_TAIL,
        algorithm=ROUND,
        balance={"rebalancing": "mean-power", "storage": "offline"},
    )
    assert result.summary["visits_skipped"] == 0
    assert result.summary["storage_overhead"] > 0
    assert sum(recall == 0 for recall in result.summary["per_class_recall"]) <= 2
