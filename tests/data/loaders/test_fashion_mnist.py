from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from astraea.data import load_dataset
from astraea.errors import DataError

SHAPES = {"train": 12, "t10k": 4}


@pytest.fixture
def folder(tmp_path: Path, write_idx: Callable[..., None]) -> Path:
    """Four small files in the published format, packed."""
    for part, count in SHAPES.items():
        pixels = np.arange(count, dtype=np.uint8)[:, None, None] + np.zeros((28, 28), np.uint8)
        write_idx(tmp_path / "fashion-mnist" / f"{part}-images-idx3-ubyte.gz", pixels)
        write_idx(tmp_path / "fashion-mnist" / f"{part}-labels-idx1-ubyte.gz", np.arange(count) % 10)
    return tmp_path


def test_the_published_files_are_read(folder: Path) -> None:
    dataset = load_dataset("fashion-mnist", dir=folder, download=False)
    assert dataset.test is not None
    assert dataset.train.x.shape == (12, 1, 28, 28)
    assert dataset.train.x[:, 0, 0, 0].tolist() == list(range(12))
    assert dataset.train.y.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert len(dataset.test) == 4
    assert dataset.class_names[9] == "Ankle boot"


def test_files_may_be_unpacked_and_lie_in_the_data_folder_itself(
    tmp_path: Path, write_idx: Callable[..., None]
) -> None:
    for part in SHAPES:
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", np.zeros((1, 28, 28), np.uint8))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", np.array([3]))
    assert load_dataset("fashion-mnist", dir=tmp_path, download=False).train.y.tolist() == [3]


def test_a_label_out_of_range_names_the_file(folder: Path, write_idx: Callable[..., None]) -> None:
    write_idx(folder / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz", np.array([0, 1, 2, 10]))
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.gz cannot be used \(labels from 0 to 10"):
        load_dataset("fashion-mnist", dir=folder)


def test_images_of_another_size_are_refused(folder: Path, write_idx: Callable[..., None]) -> None:
    for part, count in SHAPES.items():
        images = folder / "fashion-mnist" / f"{part}-images-idx3-ubyte.gz"
        write_idx(images, np.zeros((count, 32, 32), np.uint8))
    with pytest.raises(DataError, match=r"samples of shape \(1, 32, 32\) where \(1, 28, 28\) is expected"):
        load_dataset("fashion-mnist", dir=folder)


def test_a_missing_file_is_named_with_its_source(folder: Path) -> None:
    (folder / "fashion-mnist" / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(
        DataError,
        match=r"fashion-mnist/t10k-images-idx3-ubyte.gz is missing and downloading is off: put the file from",
    ):
        load_dataset("fashion-mnist", dir=folder, download=False)


def test_the_real_files(data_dir: Path) -> None:
    dataset = load_dataset("fashion-mnist", dir=data_dir, download=False)
    assert dataset.test is not None
    assert dataset.train.x.shape == (60_000, 1, 28, 28)
    assert dataset.train.counts(10).tolist() == [6000] * 10
    assert dataset.test.counts(10).tolist() == [1000] * 10
    # Mean and spread of all training pixels, as widely used to normalise them.
    assert dataset.train.x.mean() / 255 == pytest.approx(0.2860, abs=5e-5)
    assert dataset.train.x.std() / 255 == pytest.approx(0.3530, abs=5e-5)
