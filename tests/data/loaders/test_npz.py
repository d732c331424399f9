from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from astraea.data import load_dataset
from astraea.data.packing import unpack
from astraea.errors import DataError, InputError

X = np.arange(4 * 5 * 6, dtype=np.uint8).reshape(4, 5, 6)
Y = np.array([0, 1, 1, 2])


@pytest.mark.parametrize(
    ("samples", "labels"),
    [("x", "y"), ("x_train", "y_train"), ("train_images", "train_labels"), ("data", "targets"), ("train_x", "y")],
)
def test_arrays_are_known_by_their_usual_names(tmp_path: Path, samples: str, labels: str) -> None:
    np.savez(tmp_path / "a.npz", **{samples: X, labels: Y})  # type: ignore[arg-type]
    dataset = load_dataset("npz", path=tmp_path / "a.npz")
    assert np.array_equal(dataset.train.x[:, 0], X)
    assert dataset.train.y.tolist() == Y.tolist()
    assert dataset.test is None
    assert dataset.train.columns == {}


def test_test_set_columns_and_class_names_are_found(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "hospitals.npz",
        x_train=X.astype(np.float64),
        y_train=Y,
        train_hospital=["a", "a", "b", "b"],
        age=[50, 60, 70, 80],
        x_test=X[:2].astype(np.float64),
        y_test=Y[:2],
        test_hospital=["a", "c"],
        age_test=[10, 20],
        val_images=X[:4],
        val_labels=Y,
        val_hospital=["v"] * 4,
        class_names=["well", "ill", "dead"],
        readme=["shorter", "than", "samples"],
    )
    dataset = load_dataset("npz", dir=tmp_path, path="hospitals.npz")
    assert dataset.test is not None
    assert dataset.train.x.dtype == np.float32
    assert dataset.class_names == ("well", "ill", "dead")
    assert dataset.train.columns.keys() == {"hospital", "age"}
    assert dataset.train.columns["hospital"].tolist() == ["a", "a", "b", "b"]
    assert dataset.train.columns["age"].tolist() == [50, 60, 70, 80]
    assert dataset.test.columns["hospital"].tolist() == ["a", "c"]
    assert dataset.test.columns["age"].tolist() == [10, 20]


def test_other_names_can_be_given(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", train_scan=X, train_finding=["ill", "well", "well", "ill"])
    dataset = load_dataset("npz", path=tmp_path / "a.npz", image_column="scan", label_column="finding")
    assert dataset.class_names == ("ill", "well")
    assert dataset.train.y.tolist() == [0, 1, 1, 0]


def test_names_may_be_in_capitals_and_a_lone_array_needs_none(tmp_path: Path) -> None:
    for names in ({"X_train": X, "Y_train": Y}, {"features_of_all": X, "Labels": Y}):
        np.savez(tmp_path / "a.npz", **names)  # type: ignore[arg-type]
        assert np.array_equal(load_dataset("npz", path=tmp_path / "a.npz").train.y, Y)


def test_several_arrays_are_inputs_by_name(tmp_path: Path) -> None:
    ids, mask = np.arange(12).reshape(4, 3), np.ones((4, 3), np.int64)
    part = {"input_ids": ids, "attention_mask": mask, "labels": np.array(Y), "site": np.array(list("aabb"))}
    np.savez(tmp_path / "a.npz", **{f"{name}_train": one for name, one in part.items()}, input_ids_test=ids[:2])  # type: ignore[arg-type]
    with pytest.raises(DataError, match="test samples 'input_ids' but no labels"):
        load_dataset("npz", path=tmp_path / "a.npz", inputs=["input_ids"])
    np.savez(tmp_path / "a.npz", **part)  # type: ignore[arg-type]
    dataset = load_dataset("npz", path=tmp_path / "a.npz", test_path=tmp_path / "a.npz")
    assert [one.name for one in dataset.train.form.inputs] == ["input_ids", "attention_mask"]
    assert list(dataset.train.columns) == ["site"]
    assert dataset.test is not None
    assert np.array_equal(dataset.test.x, dataset.train.x)
    assert [
        one.name for one in load_dataset("npz", path=tmp_path / "a.npz", inputs=["input_ids"]).train.form.inputs
    ] == ["input_ids"]
    with pytest.raises(DataError, match=r"no input 'ids' \(data.inputs\)"):
        load_dataset("npz", path=tmp_path / "a.npz", inputs=["ids"])
    np.savez(tmp_path / "a.npz", x=X, table=np.zeros((4, 2)), y=Y)
    notes = load_dataset("npz", path=tmp_path / "a.npz").notes
    assert "Left out: the arrays table; data.inputs names all that a model is to get." in notes


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"a,b\n1,2\n", "is text, perhaps a table: set data.name to 'table'"),
        (b"PAR1", "is a table: set data.name to 'table'"),
        (b"\x89HDF\r\n", "is an HDF5 file: read it in Python"),
        (b"\x93NUMPY", "is one array of NumPy: save samples and labels in one file"),
        (b"\x80\x04\x95", "is a pickle, which could run code"),
        (b"SQLite format 3\0", "is a database"),
    ],
)
def test_files_of_other_kinds_are_called_what_they_are(tmp_path: Path, content: bytes, what: str) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(DataError, match=what):
        load_dataset("npz", path=tmp_path / "a")


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"pictures": X, "wanted": Y}, r"no training samples called 'x' or 'images' .*: its arrays are pictures, wan"),
        ({"x": X, "classes_of": Y}, r"train samples 'x' but no labels: its arrays are x, classes_of"),
        ({"x": X, "y": Y, "x_test": X}, r"test samples 'x' but no labels"),
        ({"x": X, "y": Y[:2]}, r"4 samples but labels of shape \(2,\)"),
        ({"x": X, "y": Y, "class_names": ["a", "b"]}, r"train label 2 of 'npz' is out of range"),
        ({"x": X[None], "y": Y[:1]}, r"images of shape \(1, 4, 5, 6\)"),
    ],
)
def test_arrays_that_make_no_dataset_name_the_file(
    tmp_path: Path, arrays: dict[str, np.ndarray], complaint: str
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=rf"a.npz cannot be used \(.*{complaint}"):
        load_dataset("npz", path=tmp_path / "a.npz")


def test_a_path_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'path' has no default: set it"):
        load_dataset("npz")
    with pytest.raises(DataError, match=r"'gone.npz' is neither here nor in"):
        load_dataset("npz", dir=tmp_path, path="gone.npz")


def test_sequences_of_different_lengths_lie_end_to_end(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "x.npz",
        x=[3, 7, 4, 5, 6, 8],
        x_lengths=[2, 1, 3],
        y=[0, 1, 1],
        test_x=[9],
        test_x_lengths=[1],
        test_y=[1],
    )
    dataset = load_dataset("npz", path=tmp_path / "x.npz")
    found = unpack(dataset.train.x, dataset.train.form.inputs)
    assert found["input_ids"].tolist() == [[3, 7, 0], [4, 0, 0], [5, 6, 8]]
    assert found["lengths"].tolist() == [2, 1, 3]
    assert dataset.test is not None
    assert unpack(dataset.test.x, dataset.train.form.inputs)["input_ids"].tolist() == [[9, 0, 0]]
    np.savez(tmp_path / "short.npz", x=[3, 7, 4], x_lengths=[2, 2], y=[0, 1])
    with pytest.raises(DataError, match=r"'x_lengths' must be whole numbers whose sum is the length of 'x', 3"):
        load_dataset("npz", path=tmp_path / "short.npz")


def test_a_folder_is_told_from_a_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is a folder: name an \.npz file in it, or set data.name to 'folder'"):
        load_dataset("npz", path=tmp_path)
