from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from astraea.data import load_dataset
from astraea.data.loaders.devanagari import CLASSES
from astraea.errors import DataError, InputError

GLYPH = np.zeros((32, 32), np.uint8)
GLYPH[2:30, 2:30] = 9


def _write_npz(path: Path, **changes: np.ndarray) -> None:
    arrays = {}
    for value, (part, count) in enumerate((("train", 3), ("val", 2), ("test", 1))):
        arrays[f"{part}_images"] = np.stack([GLYPH + np.uint8(value)] * count)
        arrays[f"{part}_labels"] = np.arange(count, dtype=np.uint8)
    np.savez(path, **arrays, **changes)  # type: ignore[arg-type]


def test_the_npz_file_is_read_and_cropped_to_the_glyphs(tmp_path: Path) -> None:
    _write_npz(tmp_path / "dhcd_32x32.npz")
    dataset = load_dataset("devanagari", dir=tmp_path, download=False)
    assert dataset.test is not None
    assert dataset.train.x.shape == (5, 1, 28, 28)
    assert dataset.train.x[:, 0, 0, 0].tolist() == [9, 9, 9, 10, 10]
    assert dataset.train.y.tolist() == [0, 1, 2, 0, 1]
    assert dataset.train.x.flags.c_contiguous
    assert dataset.test.x[0, 0, 27, 27] == 11


def test_border_and_validation_set_are_a_choice(tmp_path: Path) -> None:
    _write_npz(tmp_path / "dhcd_32x32.npz")
    dataset = load_dataset("devanagari", dir=tmp_path, crop=False, join_validation=False)
    assert dataset.train.x.shape == (3, 1, 32, 32)
    assert np.array_equal(dataset.train.x[0, 0], GLYPH)


@pytest.mark.parametrize("form", ["static zip", "older zip", "folder"])
def test_the_published_png_files_are_read(tmp_path: Path, png: Callable[..., bytes], form: str) -> None:
    root = "DevanagariHandwrittenCharacterDataset"
    content = {f"{root}/Train/{name}/7{label}.png": GLYPH + np.uint8(label) for label, name in enumerate(CLASSES)}
    content[f"{root}/Test/digit_9/1.png"] = GLYPH
    if form == "folder":
        for name, pixels in content.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(png(pixels))
    else:
        names = {"static zip": "devanagari+handwritten+character+dataset.zip", "older zip": f"{root}.zip"}
        with zipfile.ZipFile(tmp_path / names[form], "w") as archive:
            for name, pixels in content.items():
                archive.writestr(name, png(pixels))
    dataset = load_dataset("devanagari", dir=tmp_path, download=False)
    assert dataset.test is not None
    assert sorted(dataset.train.y.tolist()) == list(range(46))
    assert (dataset.train.x[:, 0, 5, 5] == dataset.train.y + 9).all()
    assert dataset.test.y.tolist() == [45]
    with pytest.raises(InputError, match="has no validation set of its own: leave join_validation out"):
        load_dataset("devanagari", dir=tmp_path, join_validation=False)


def test_damage_is_told(tmp_path: Path) -> None:
    path = tmp_path / "dhcd_32x32.npz"
    np.savez(path, train_images=GLYPH[None], train_labels=[0])
    with pytest.raises(DataError, match=r"dhcd_32x32.npz cannot be used \(it has no array val_images"):
        load_dataset("devanagari", dir=tmp_path)
    parts = {f"{part}_images": GLYPH[None, 2:30, 2:30] for part in ("train", "val", "test")}
    labels = {f"{part}_labels": [0] for part in ("train", "val", "test")}
    np.savez(path, **parts, **labels)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"samples of shape \(1, 28, 28\) where \(1, 32, 32\) is expected"):
        load_dataset("devanagari", dir=tmp_path)
    np.savez(path, **parts, **labels | {"val_labels": [46]})  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"dhcd_32x32.npz cannot be used \(train label 46"):
        load_dataset("devanagari", dir=tmp_path)


def test_the_real_file(data_dir: Path) -> None:
    dataset = load_dataset("devanagari", dir=data_dir, download=False)
    assert dataset.test is not None
    assert dataset.shape == (1, 28, 28)
    assert dataset.train.counts(46).tolist() == [1700] * 46
    assert dataset.test.counts(46).tolist() == [300] * 46
    with np.load(data_dir / "devanagari" / "dhcd_32x32.npz") as archive:
        assert tuple(archive["class_names"]) == CLASSES
    assert len(load_dataset("devanagari", dir=data_dir, join_validation=False).train) == 69_000
