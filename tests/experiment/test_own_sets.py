"""Test and validation sets of the caller's own, and answers about rows that come after training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset

import astraea
from astraea.data.loaders.arrays import from_arrays
from astraea.data.loaders.table import from_frame
from astraea.data.objects import with_parts
from astraea.errors import InputError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3)).astype(np.float32) + np.repeat(np.eye(3) * 4, 30, axis=0).astype(np.float32)
Y = np.repeat([3, 7, 100], 30)
FEW: dict[str, Any] = {"rounds": 2, "algorithm": {"name": "fedavg", "clients_per_round": 3}, "scenario": {"clients": 3}}


def frame(rows: int = 60) -> pd.DataFrame:
    ill = np.arange(rows) % 2 == 1
    return pd.DataFrame(
        {
            "age": 20 + (np.arange(rows) * 7) % 60,
            "marker": 1000 * ill + RNG.normal(5000, 100, rows),
            "sex": np.where(np.arange(rows) % 3 == 0, "f", "m"),
            "outcome": np.where(ill, "ill", "well"),
        }
    )


@pytest.mark.parametrize("kind", ["pair", "torch", "list", "dataset"])
def test_sets_of_ones_own_are_read_as_the_training_samples(kind: str) -> None:
    brought: Any = {
        "pair": (X[::9], Y[::9]),
        "torch": TensorDataset(torch.from_numpy(X[::9]), torch.from_numpy(Y[::9])),
        "list": list(zip(X[::9], Y[::9].tolist(), strict=True)),
        "dataset": from_arrays(X[::9], Y[::9]),
    }[kind]
    found = with_parts(from_arrays(X, Y), test=brought, validation=brought)
    assert found.test is not None
    assert found.validation is not None
    for part in (found.test, found.validation):
        assert part.x == pytest.approx(X[::9])
        assert part.y.tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_run_measures_on_them() -> None:
    result = astraea.run(
        dataset=(X, Y), test=(X[:30], Y[:30]), validation=(X[30:], Y[30:]), evaluation={"early_stopping": 2}, **FEW
    )
    assert result.per_class_recall["3"] >= 0
    assert np.isnan(list(result.per_class_recall.values())).tolist() == [False, True, True]
    assert "validation_balanced_accuracy" in result.history[0]
    assert result.summary["validation_balanced_accuracy_best"] is not None
    with pytest.raises(InputError, match="early_stopping needs validation samples"):
        astraea.run(dataset=(X, Y), test=(X, Y), evaluation={"early_stopping": 2}, **FEW)


def test_a_test_set_for_each_client_measures_each_client() -> None:
    clients = {"a": range(0, 90, 2), "b": range(1, 90, 2)}
    wrong = {"a": (X, Y), "b": (X, np.roll(Y, 30))}
    result = astraea.run(dataset=(X, Y), test=wrong, **(FEW | {"scenario": {"clients": clients}, "rounds": 8}))
    assert result.client_accuracies[0] > 0.8 > 0.2 > result.client_accuracies[1]


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ((X, np.where(Y == 7, 8, Y)), "test label '8' is none of the classes: 3, 7, 100"),
        ((X[:, :2], Y), r"both must be alike"),
        (3, r"test= cannot be of type int: give \(x, y\)"),
        ({}, "test= holds no client"),
        ({"a": (X, Y + 1)}, "test of 'a' label '4' is none of the classes"),
        ((X, Y[:2]), "90 samples but labels of shape"),
    ],
)
def test_sets_unlike_those_of_training_are_refused(test: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        with_parts(from_arrays(X, Y), test=test)


def test_a_scenario_has_its_own() -> None:
    scenario = astraea.build_scenario(from_arrays(X, Y), clients=3)
    with pytest.raises(InputError, match="leave test= and validation= out"):
        astraea.run(scenario=scenario, test=(X, Y))


def test_new_rows_of_a_table_are_standardised_as_in_training(tmp_path: Path) -> None:
    data = frame()
    result = astraea.run(
        dataset=from_frame(data, "outcome"), test=frame(20), out=tmp_path / "r", **(FEW | {"rounds": 6})
    )
    loaded = astraea.load_result(tmp_path / "r")
    new = frame(12).drop(columns="outcome")[["sex", "marker", "age"]]  # in another order, and without labels
    x = loaded.prepare(new)
    numbers = data[["age", "marker"]].to_numpy(float)
    train = numbers[np.isin(data.index, np.arange(60))]
    expected = (new[["age", "marker"]].to_numpy(float) - train.mean(axis=0)) / train.std(axis=0)
    assert x[:, :2].numpy() == pytest.approx(expected, abs=1e-5)
    assert x[:, 2:].tolist() == [[1, 0] if sex == "f" else [0, 1] for sex in new["sex"]]
    assert loaded.predict(new).tolist() == ["well", "ill"] * 6 == result.predict(new).tolist()
    assert loaded.predict({"age": 30, "marker": 6000.0, "sex": "m"}).tolist() == ["ill"]
    with pytest.raises(InputError, match="unknown column 'sex'"):
        loaded.predict(new.drop(columns="sex"))
    csv = tmp_path / "new.csv"
    new.to_csv(csv, index=False)
    assert loaded.predict(csv).tolist() == ["well", "ill"] * 6


def test_new_rows_of_a_regression_are_answered_in_its_unit() -> None:
    data = frame(200)
    data["outcome"] = 3 * data["marker"] + 0.5
    options: Any = FEW | {"rounds": 12, "train": {"lr": 0.05, "batch_size": 10}}
    result = astraea.run(dataset=from_frame(data, "outcome"), **options)
    found = result.predict(data.drop(columns="outcome"))
    assert np.corrcoef(found, data["outcome"])[0, 1] > 0.9
    assert abs(found.mean() / data["outcome"].mean() - 1) < 0.05


def test_new_pictures_are_answered_with_names(tmp_path: Path) -> None:
    for name, bright in (("dark", 20), ("light", 220)):
        (tmp_path / "in" / name).mkdir(parents=True)
        for k in range(8):
            pixels = np.full((10, 10), bright + k, np.uint8)
            Image.fromarray(pixels).save(tmp_path / "in" / name / f"{k}.png")
    options: Any = FEW | {"rounds": 10, "scenario": {"clients": 2}}
    astraea.run(data={"name": "folder", "path": str(tmp_path / "in")}, out=tmp_path / "r", **options)
    loaded = astraea.load_result(tmp_path / "r")
    files = [tmp_path / "in" / name / "3.png" for name in ("light", "dark")]
    assert loaded.prepare(files).shape == (2, 1, 10, 10)
    assert float(loaded.prepare(files).max()) == pytest.approx(223 / 255)
    colour = Image.open(files[0]).convert("RGB")
    assert loaded.prepare([colour]).shape == (1, 1, 10, 10)
    assert loaded.predict(files).tolist() == ["light", "dark"]
    assert loaded.predict([Image.open(file) for file in files]).tolist() == ["light", "dark"]
    with pytest.raises(InputError, match="have the shape"):
        loaded.predict([Image.new("L", (11, 10))])


def test_arrays_are_laid_out_as_in_training() -> None:
    windows = RNG.normal(size=(40, 50, 6))
    result = astraea.run(dataset=(windows, np.arange(40) % 2), **FEW)
    assert result.prepare(windows[:3]).shape == (3, 6, 50)
    assert set(result.predict(windows[:3])) <= {"0", "1"}
    pixels = RNG.integers(0, 256, (40, 9, 9), np.uint8)
    pixels[0, 0, :2] = 0, 255
    result = astraea.run(dataset=(pixels, np.arange(40) % 2), **FEW)
    assert result.prepare(pixels[:3])[:, 0].numpy() == pytest.approx(pixels[:3] / 255)


def test_files_of_their_own(tmp_path: Path) -> None:
    np.savez(tmp_path / "train.npz", x=X, y=Y, x_test=X[:1], y_test=Y[:1])
    np.savez(tmp_path / "held.npz", x=X[::2], y=Y[::2])
    paths = {"test_path": str(tmp_path / "held.npz"), "validation_path": str(tmp_path / "held.npz")}
    dataset = astraea.load_dataset("npz", path=tmp_path / "train.npz", **paths)
    assert dataset.test is not None
    assert dataset.validation is not None
    assert dataset.test.y.tolist() == dataset.validation.y.tolist() == [0] * 15 + [1] * 15 + [2] * 15
    for name, rows in (("train", 60), ("held", 20)):
        frame(rows).to_csv(tmp_path / f"{name}.csv", index=False)
    paths = {key: path.replace("npz", "csv") for key, path in paths.items()}
    table = astraea.load_dataset("table", path=tmp_path / "train.csv", label_column="outcome", **paths)
    assert table.test is not None
    assert table.validation is not None
    assert len(table.test) == len(table.validation) == 20
    options: Any = FEW | {"evaluation": {"early_stopping": 3}}
    data = {"name": "table", "path": str(tmp_path / "train.csv"), "label_column": "outcome", **paths}
    assert astraea.run(data=data, **options).summary["validation_balanced_accuracy_best"] is not None
    for part in ("train", "apart"):
        for name in ("ant", "bee"):
            (tmp_path / part / name).mkdir(parents=True)
            Image.new("L", (8, 8), 9).save(tmp_path / part / name / "0.png")
    folders = astraea.load_dataset("folder", path=tmp_path / "train", test_path=tmp_path / "apart")
    assert folders.test is not None
    assert (folders.class_names, folders.test.y.tolist()) == (("ant", "bee"), [0, 1])
