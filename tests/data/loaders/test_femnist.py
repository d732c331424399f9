from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from astraea.data import load_dataset
from astraea.errors import DataError


def _write_leaf(path: Path, users: dict[str, list[int]]) -> None:
    """A file as LEAF's data_to_json.py writes it; the first pixel of an image is its label / 255."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {
        user: {"x": [[label / 255] + [1.0] * 783 for label in labels], "y": labels} for user, labels in users.items()
    }
    content = {"users": list(users), "num_samples": [len(labels) for labels in users.values()], "user_data": data}
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("place", ["femnist/data", "femnist", "data"])
def test_parts_that_leaf_made_are_read(tmp_path: Path, place: str) -> None:
    _write_leaf(tmp_path / place / "train" / "all_data_1.json", {"f0001_41": [61]})
    _write_leaf(tmp_path / place / "train" / "all_data_0.json", {"f0000_14": [10, 36], "f0002_03": [0]})
    _write_leaf(tmp_path / place / "test" / "all_data_0.json", {"f0000_14": [9], "f9999_00": [5]})
    dataset = load_dataset("femnist", dir=tmp_path)
    assert dataset.test is not None
    assert dataset.train.x.shape == (4, 1, 28, 28)
    assert dataset.train.x.dtype == np.uint8
    assert dataset.train.y.tolist() == [10, 36, 0, 61]
    assert dataset.train.columns["writer"].tolist() == ["f0000_14", "f0000_14", "f0002_03", "f0001_41"]
    assert [dataset.class_names[label] for label in dataset.train.y] == ["A", "a", "0", "z"]
    assert dataset.train.x[:, 0, 0, 0].tolist() == [245, 219, 255, 194]  # 255 - label: inverted
    assert (dataset.train.x[:, 0, 1:] == 0).all()
    assert dataset.test.y.tolist() == [9]  # the other test sample is of a writer unknown in training


@pytest.mark.parametrize(("whose", "labels"), [("known", [9]), ("new", [5]), ("both", [9, 5])])
def test_whose_samples_are_tested_on_is_a_choice(tmp_path: Path, whose: str, labels: list[int]) -> None:
    _write_leaf(tmp_path / "train" / "a.json", {"f0000_14": [10]})
    _write_leaf(tmp_path / "test" / "a.json", {"f0000_14": [9], "f9999_00": [5]})
    dataset = load_dataset("femnist", dir=tmp_path, test_writers=whose, invert=False)
    assert dataset.test is not None
    assert dataset.test.y.tolist() == labels
    assert dataset.train.x[0, 0, 0, :2].tolist() == [10, 255]


def test_one_sample_in_ten_of_each_writer_is_held_out_of_all_data(tmp_path: Path) -> None:
    _write_leaf(tmp_path / "data" / "all_data" / "all_data_0.json", {"a": list(range(20)), "b": list(range(10))})
    dataset = load_dataset("femnist", dir=tmp_path)
    assert dataset.test is not None
    assert dataset.test.y.tolist() == [9, 19, 9]
    assert dataset.test.columns["writer"].tolist() == ["a", "a", "b"]
    assert len(dataset.train) == 27


def test_no_test_sample_of_such_writers_names_the_mend(tmp_path: Path) -> None:
    _write_leaf(tmp_path / "train" / "a.json", {"a": [1]})
    _write_leaf(tmp_path / "test" / "a.json", {"b": [1]})
    with pytest.raises(DataError, match="no test samples of known writers: set test_writers to 'both'"):
        load_dataset("femnist", dir=tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[1]",
        '{"users": ["a"], "user_data": {}}',
        '{"users": ["a"], "user_data": {"a": {"x": [[0.5]], "y": [0]}}}',
        json.dumps({"users": ["a"], "user_data": {"a": {"x": [[255] * 784], "y": [0]}}}),
        json.dumps({"users": ["a"], "user_data": {"a": {"x": [[0.5] * 784], "y": [62]}}}),
        json.dumps({"users": ["a"], "user_data": {"a": {"x": [[0.5] * 784], "y": [0, 1]}}}),
    ],
)
def test_a_file_that_is_not_of_leaf_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "all_data").mkdir()
    (tmp_path / "all_data" / "a.json").write_text(content)
    with pytest.raises(DataError, match=r"all_data/a.json cannot be used"):
        load_dataset("femnist", dir=tmp_path)


def test_absent_files_name_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"put LEAF's folder data/all_data.* into .*femnist \(made by data/femnist"):
        load_dataset("femnist", dir=tmp_path)
    _write_leaf(tmp_path / "train" / "a.json", {"a": [1]})
    with pytest.raises(DataError, match=r"test holds no JSON file: put LEAF's test/\*.json there"):
        load_dataset("femnist", dir=tmp_path)


def test_an_npz_file_without_a_part_is_named(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "femnist_leaf_540w.npz",
        train_images=np.zeros((1, 28, 28), np.uint8),
        train_labels=[0],
        train_writer=[0],
        writer_ids=["a"],
    )
    with pytest.raises(DataError, match=r"femnist_leaf_540w.npz cannot be used \(it has no array test_images"):
        load_dataset("femnist", dir=tmp_path)


def test_the_real_file(data_dir: Path) -> None:
    known = load_dataset("femnist", dir=data_dir)
    new = load_dataset("femnist", dir=data_dir, test_writers="new", invert=False)
    assert known.test is not None
    assert new.test is not None
    assert (len(known.train), len(known.test), len(new.test)) == (41_198, 4_692, 7_058)
    counts = known.train.counts(62)
    assert (counts.min(), counts.max()) == (141, 3165)
    writers = known.train.columns["writer"]
    assert len(np.unique(writers)) == 300
    assert np.isin(known.test.columns["writer"], writers).all()
    assert not np.isin(new.test.columns["writer"], writers).any()
    assert np.median(known.train.x) == 0
    assert np.median(new.train.x) == 255
