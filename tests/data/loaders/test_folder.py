from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from astraea.data import load_dataset
from astraea.errors import DataError


def _fill(folder: Path, count: int, pixels: np.ndarray, png: Callable[..., bytes]) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.png").write_bytes(png(pixels))


GREY = np.full((4, 6), 7, np.uint8)


def test_subfolders_are_classes_in_order_of_name(tmp_path: Path, png: Callable[..., bytes]) -> None:
    _fill(tmp_path / "zebra", 2, GREY, png)
    _fill(tmp_path / "ant", 1, GREY + 1, png)
    dataset = load_dataset("folder", path=tmp_path)
    assert dataset.class_names == ("ant", "zebra")
    assert dataset.train.x.shape == (3, 1, 4, 6)
    assert dataset.train.y.tolist() == [0, 1, 1]
    assert dataset.train.x[:, 0, 0, 0].tolist() == [8, 7, 7]
    assert dataset.test is None


def test_parts_train_and_test_are_kept(tmp_path: Path, png: Callable[..., bytes]) -> None:
    _fill(tmp_path / "train" / "ant", 2, GREY, png)
    _fill(tmp_path / "test" / "bee", 1, GREY, png)
    _fill(tmp_path / "val" / "wasp", 1, GREY, png)
    dataset = load_dataset("folder", dir=tmp_path.parent, path=tmp_path.name)
    assert dataset.test is not None
    assert dataset.class_names == ("ant", "bee")
    assert dataset.train.y.tolist() == [0, 0]
    assert dataset.test.y.tolist() == [1]


def test_a_class_may_be_called_train(tmp_path: Path, png: Callable[..., bytes]) -> None:
    _fill(tmp_path / "bus", 1, GREY, png)
    _fill(tmp_path / "train", 1, GREY, png)
    assert load_dataset("folder", path=tmp_path).class_names == ("bus", "train")


def test_unlike_images_are_made_alike_on_request(tmp_path: Path, png: Callable[..., bytes]) -> None:
    _fill(tmp_path / "a", 1, GREY, png)
    (tmp_path / "b").mkdir()
    stream = io.BytesIO()
    Image.fromarray(np.full((9, 9, 3), 100, np.uint8)).save(stream, "JPEG")
    (tmp_path / "b" / "photo.JPG").write_bytes(stream.getvalue())
    with pytest.raises(DataError, match=r"b/photo.JPG has shape \(3, 9, 9\), those before it \(1, 4, 6\)"):
        load_dataset("folder", path=tmp_path)
    dataset = load_dataset("folder", path=tmp_path, image_size=5, colour="grey")
    assert dataset.train.x.shape == (2, 1, 5, 5)
    assert dataset.train.x[:, 0, 2, 2].tolist() == [7, 100]


def test_what_is_no_folder_of_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file is not a folder: give the folder whose subfolders are the classes"):
        load_dataset("folder", path=tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty holds no images at CLASS/\*.png"):
        load_dataset("folder", path=tmp_path / "empty")


def test_images_at_any_depth_behind_links_and_of_any_kind_belong_to_their_class(
    tmp_path: Path, png: Callable[..., bytes]
) -> None:
    root = tmp_path / "root"
    _fill(root / "ant", 1, GREY, png)
    _fill(root / "ant" / "2024" / "may", 2, GREY + 1, png)
    _fill(tmp_path / "elsewhere", 3, GREY + 2, png)
    (root / "bee").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (root / "bee" / "loop").symlink_to(root, target_is_directory=True)
    for kind in ("webp", "bmp", "tif", "gif", "pgm"):
        (root / "cow").mkdir(exist_ok=True)
        options: dict[str, Any] = {"lossless": True} if kind == "webp" else {}
        Image.fromarray(GREY).save(root / "cow" / f"x.{kind}", **options)
    dataset = load_dataset("folder", path=root)
    assert dataset.class_names == ("ant", "bee", "cow")
    assert dataset.train.counts(3).tolist() == [3, 3, 5]
    assert dataset.train.x.shape == (11, 1, 4, 6)
    assert dataset.train.x[:, 0, 0, 0].tolist() == [7, 8, 8, 9, 9, 9, 7, 7, 7, 7, 7]
    assert dataset.notes == ("2 images lie in folders within that of their class, such as ant/2024/may/0.png.",)


def test_what_systems_and_tools_leave_behind_is_no_class_and_is_counted(
    tmp_path: Path, png: Callable[..., bytes]
) -> None:
    for name in ("ant", "bee", "__MACOSX/ant", ".ipynb_checkpoints"):
        _fill(tmp_path / name, 2, GREY, png)
    (tmp_path / "ant" / "._0.png").write_bytes(b"what macOS leaves")
    (tmp_path / "ant" / "Thumbs.db").write_bytes(b"what Windows leaves")
    (tmp_path / "labels.csv").write_text("file,label")
    (tmp_path / "top.png").write_bytes(png(GREY))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "README.txt").touch()
    os.mkfifo(tmp_path / "bee" / "pipe.png")
    (tmp_path / "bee" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    dataset = load_dataset("folder", path=tmp_path)
    assert dataset.class_names == ("ant", "bee")
    assert dataset.train.counts(2).tolist() == [2, 2]
    assert dataset.notes == (
        "Left out: 3 files that are no images by their names, such as ant/Thumbs.db.",
        "Left out: 1 folders without images, such as notes.",
        "Left out: 1 images outside the classes' folders, such as top.png.",
        "Left out: 2 images that are no regular files, or links to none, such as bee/gone.png.",
    )


def test_one_name_in_two_spellings_is_one_class(tmp_path: Path, png: Callable[..., bytes]) -> None:
    _fill(tmp_path / "train" / "caf\u00e9", 1, GREY, png)
    _fill(tmp_path / "train" / "cafe\u0301", 2, GREY, png)
    _fill(tmp_path / "test" / "cafe\u0301", 1, GREY, png)
    dataset = load_dataset("folder", path=tmp_path)
    assert dataset.class_names == ("caf\u00e9",)
    assert len(dataset.train) == 3
    assert dataset.test is not None
    assert dataset.test.y.tolist() == [0]
