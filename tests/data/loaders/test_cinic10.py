from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from astraea.data import load_dataset
from astraea.data.loaders.cifar10 import CLASSES
from astraea.errors import DataError


@pytest.fixture
def images(png: Callable[..., bytes]) -> dict[str, bytes]:
    """One image a class and part, named as published; its red is 10 × class + part."""
    content = {}
    for number, part in enumerate(("train", "valid", "test")):
        for label, name in enumerate(CLASSES):
            pixels = np.zeros((32, 32, 3), np.uint8)
            pixels[..., 0] = 10 * label + number
            content[f"{part}/{name}/cifar10-train-{label}.png"] = png(pixels)
    return content


def _write_archive(path: Path, content: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def _write_folder(root: Path, content: dict[str, bytes]) -> None:
    for name, data in content.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


@pytest.mark.parametrize("form", ["CINIC-10.tar.gz", "cinic10/CINIC-10", "cinic10", "."])
def test_the_published_images_are_read(tmp_path: Path, images: dict[str, bytes], form: str) -> None:
    if form.endswith(".gz"):
        _write_archive(tmp_path / form, images)
    else:
        _write_folder(tmp_path / form, images)
    dataset = load_dataset("cinic10", dir=tmp_path, download=False)
    assert dataset.test is not None
    assert dataset.train.x.shape == (20, 3, 32, 32)
    red = dataset.train.x[:, 0, 5, 5].astype(int)
    assert (red // 10 == dataset.train.y).all()
    assert sorted((red % 10).tolist()) == [0] * 10 + [1] * 10
    assert (dataset.train.x[:, 1:] == 0).all()
    assert (dataset.test.x[:, 0, 0, 0] % 10 == 2).all()
    assert dataset.test.y.tolist() == list(range(10))


def test_the_validation_images_may_be_left_out(tmp_path: Path, images: dict[str, bytes]) -> None:
    _write_archive(tmp_path / "CINIC-10.tar.gz", images)
    dataset = load_dataset("cinic10", dir=tmp_path, join_validation=False)
    assert (dataset.train.x[:, 0, 0, 0] % 10).tolist() == [0] * 10


def test_damage_is_told(tmp_path: Path, images: dict[str, bytes], png: Callable[..., bytes]) -> None:
    without = {name: data for name, data in images.items() if not name.startswith("valid/")}
    path = tmp_path / "CINIC-10.tar.gz"
    _write_archive(path, without)
    with pytest.raises(DataError, match=r"CINIC-10.tar.gz holds no images at valid/CLASS/\*.png"):
        load_dataset("cinic10", dir=tmp_path)
    small = {name: png(np.zeros((8, 8, 3), np.uint8)) for name in images}
    _write_archive(path, small)
    with pytest.raises(DataError, match=r"samples of shape \(3, 8, 8\) where \(3, 32, 32\) is expected"):
        load_dataset("cinic10", dir=tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DataError, match=r"CINIC-10.tar.gz cannot be used"):
        load_dataset("cinic10", dir=tmp_path)
