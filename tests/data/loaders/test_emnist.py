from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from astraea.data import load_dataset
from astraea.data.loaders.emnist import SPLITS
from astraea.errors import DataError, InputError

UPRIGHT = np.zeros((28, 28), np.uint8)
UPRIGHT[0] = 255  # a bar along the top


def _members(split: str, labels: list[int], idx: Callable[..., bytes]) -> dict[str, bytes]:
    """The four files of a split as published: images transposed."""
    content = {}
    for part, count in (("train", len(labels)), ("test", 1)):
        images = UPRIGHT.T + np.arange(count).astype(np.uint8)[:, None, None]
        content[f"emnist-{split}-{part}-images-idx3-ubyte"] = idx(images)
        content[f"emnist-{split}-{part}-labels-idx1-ubyte"] = idx(np.array(labels[:count]))
    return content


def _write_archive(path: Path, content: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(f"gzip/{name}.gz", gzip.compress(data))


@pytest.mark.parametrize(
    ("split", "classes", "names"),
    [
        ("balanced", 47, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"),
        ("bymerge", 47, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"),
        ("byclass", 62, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
        ("letters", 26, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ("digits", 10, "0123456789"),
        ("mnist", 10, "0123456789"),
    ],
)
def test_each_split_has_its_classes(split: str, classes: int, names: str) -> None:
    assert len(SPLITS[split]) == classes
    assert "".join(SPLITS[split]) == names


@pytest.mark.parametrize("name", ["gzip.zip", "emnist/gzip.zip", "emnist/emnist.zip"])
def test_the_published_archive_is_read_and_images_are_put_upright(
    tmp_path: Path, idx: Callable[..., bytes], name: str
) -> None:
    (tmp_path / "emnist").mkdir()
    _write_archive(tmp_path / name, _members("balanced", [0, 46, 3], idx))
    dataset = load_dataset("emnist", dir=tmp_path, download=False)
    assert dataset.test is not None
    assert dataset.train.y.tolist() == [0, 46, 3]
    assert np.array_equal(dataset.train.x[0, 0], UPRIGHT)
    assert np.array_equal(dataset.train.x[2, 0], UPRIGHT + np.uint8(2))
    assert np.array_equal(dataset.test.x[0, 0], UPRIGHT)


def test_labels_of_letters_are_counted_from_0(tmp_path: Path, idx: Callable[..., bytes]) -> None:
    _write_archive(tmp_path / "gzip.zip", _members("letters", [1, 26], idx))
    dataset = load_dataset("emnist", dir=tmp_path, split="letters")
    assert [dataset.class_names[label] for label in dataset.train.y] == ["A", "Z"]


@pytest.mark.parametrize("place", ["emnist/", "", "emnist/gzip/"])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_unpacked_files_are_read(tmp_path: Path, idx: Callable[..., bytes], place: str, suffix: str) -> None:
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for name, content in _members("digits", [7, 9], idx).items():
        data = gzip.compress(content) if suffix else content
        (tmp_path / place / f"{name}{suffix}").write_bytes(data)
    dataset = load_dataset("emnist", dir=tmp_path, split="digits", download=False)
    assert dataset.train.y.tolist() == [7, 9]
    assert np.array_equal(dataset.train.x[0, 0], UPRIGHT)


def test_more_images_than_one_block_are_all_turned(tmp_path: Path, idx: Callable[..., bytes]) -> None:
    _write_archive(tmp_path / "gzip.zip", _members("digits", [1] * 4100, idx))
    train = load_dataset("emnist", dir=tmp_path, split="digits").train
    assert (train.x[:, 0, 0, 1] != train.x[:, 0, 1, 0]).all()
    assert np.array_equal(train.x[4099, 0], UPRIGHT + np.uint8(4099 % 256))


def test_bad_labels_and_unknown_splits_are_refused(tmp_path: Path, idx: Callable[..., bytes]) -> None:
    _write_archive(tmp_path / "gzip.zip", _members("letters", [0, 26], idx))
    with pytest.raises(DataError, match=r"emnist-letters-train-labels.*\(labels from -1 to 25"):
        load_dataset("emnist", dir=tmp_path, split="letters")
    with pytest.raises(InputError, match="unknown EMNIST split 'letter'; did you mean 'letters'"):
        load_dataset("emnist", dir=tmp_path, split="letter")


def test_an_archive_without_the_split_or_that_is_none_is_named(tmp_path: Path, idx: Callable[..., bytes]) -> None:
    _write_archive(tmp_path / "gzip.zip", _members("letters", [1], idx))
    with pytest.raises(DataError, match=r"gzip.zip.*emnist-byclass-train-images-idx3-ubyte.gz"):
        load_dataset("emnist", dir=tmp_path, split="byclass")
    (tmp_path / "gzip.zip").write_bytes((tmp_path / "gzip.zip").read_bytes()[:-40])
    with pytest.raises(DataError, match=r"gzip.zip cannot be used"):
        load_dataset("emnist", dir=tmp_path, split="letters")


def test_a_missing_archive_names_its_source(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"emnist/gzip.zip is missing.*https://biometrics.nist.gov"):
        load_dataset("emnist", dir=tmp_path, download=False)
