from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from astraea.data import build_scenario, load_dataset
from astraea.errors import DataError, InputError


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
    with pytest.raises(DataError, match="empty holds no folders with pictures: give the folder"):
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
    assert dataset.notes[0] == "2 images lie in folders within that of their class, such as ant/2024/may/0.png."


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
    assert dataset.notes[:-1] == (
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


@pytest.mark.parametrize(("train", "test"), [("Train", "Test"), ("training", "testing"), ("TRAIN", "TestSet")])
def test_parts_have_names_in_any_case_and_form(
    train: str, test: str, tmp_path: Path, png: Callable[..., bytes]
) -> None:
    for name, count in (
        (f"{train}/ant", 2),
        (f"{train}/bee", 1),
        (f"{test}/bee", 3),
        ("Val/ant", 1),
        ("sketches/x", 1),
    ):
        _fill(tmp_path / name, count, GREY, png)
    (tmp_path / test / "@eaDir").mkdir()
    (tmp_path / test / "@eaDir" / "thumb.png").write_bytes(png(GREY))
    dataset = load_dataset("folder", path=tmp_path)
    assert dataset.class_names == ("ant", "bee")
    assert dataset.train.y.tolist() == [0, 0, 1]
    assert dataset.test is not None
    assert dataset.test.y.tolist() == [1, 1, 1]
    assert dataset.notes[:2] == (
        "Left out: 1 folders beside the parts, such as sketches.",
        "Left out: 1 parts for validation (data.validation_path names one), such as Val.",
    )


def test_a_class_may_be_called_training(tmp_path: Path, png: Callable[..., bytes]) -> None:
    for name in ("rest/anna", "training/anna"):
        _fill(tmp_path / name, 1, GREY, png)
    assert load_dataset("folder", path=tmp_path).class_names == ("rest", "training")


@pytest.mark.parametrize("inside", ["archive/birds", "train/images"])
def test_a_folder_that_holds_nothing_but_another_is_passed_through(
    inside: str, tmp_path: Path, png: Callable[..., bytes]
) -> None:
    _fill(tmp_path / inside / "ant", 2, GREY, png)
    _fill(tmp_path / inside / "bee" / "more", 1, GREY, png)
    (tmp_path / "README.md").touch()
    dataset = load_dataset("folder", path=tmp_path)
    assert dataset.class_names == ("ant", "bee")
    assert dataset.train.y.tolist() == [0, 0, 1]


def test_folders_of_sites_are_clients_where_that_is_said(tmp_path: Path, png: Callable[..., bytes]) -> None:
    for name, count in (("north/ill", 1), ("north/well", 2), ("south/ill", 3), ("south/well", 1)):
        _fill(tmp_path / name, count, GREY, png)
    with pytest.raises(
        InputError,
        match=r"folders north, south hold folders of the same names \(ill, well\), .* set data.sites to true if the "
        "outer folders are sites, or to false if they are the classes",
    ):
        load_dataset("folder", path=tmp_path)
    dataset = load_dataset("folder", path=tmp_path, sites=True)
    assert dataset.class_names == ("ill", "well")
    assert dataset.train.y.tolist() == [0, 1, 1, 0, 0, 0, 1]
    assert dataset.site_column == "site"
    assert dataset.train.columns["site"].tolist() == ["north"] * 3 + ["south"] * 4
    assert build_scenario(dataset, least_size=2).client_names == ("north", "south")
    assert load_dataset("folder", path=tmp_path, sites=False).class_names == ("north", "south")


def test_folders_that_part_a_class_are_read_as_one_and_told(tmp_path: Path, png: Callable[..., bytes]) -> None:
    for name, count in (("sit/subject_01", 1), ("sit/subject_02", 2), ("walk/subject_01", 3), ("walk/subject_02", 1)):
        _fill(tmp_path / name, count, GREY, png)
    dataset = load_dataset("folder", path=tmp_path)
    assert dataset.class_names == ("sit", "walk")
    assert dataset.train.y.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert any(
        "folders sit, walk were taken for the classes" in note and "(subject_01, subject_02)" in note
        for note in dataset.notes
    )
    said = load_dataset("folder", path=tmp_path, sites=True)
    assert said.class_names == ("subject_01", "subject_02")
    assert not any("taken for the classes" in note for note in load_dataset("folder", path=tmp_path, sites=False).notes)


def test_test_parts_may_be_by_site_or_not(tmp_path: Path, png: Callable[..., bytes]) -> None:
    for name in ("train/north/ill", "train/north/well", "train/south/ill", "train/south/well", "test/north/well"):
        _fill(tmp_path / name, 1, GREY, png)
    with_sites = load_dataset("folder", path=tmp_path, sites=True).test
    assert with_sites is not None
    assert with_sites.columns["site"].tolist() == ["north"]
    _fill(tmp_path / "plain" / "well", 2, GREY, png)
    pooled = load_dataset("folder", path=tmp_path, sites=True, test_path=tmp_path / "plain").test
    assert pooled is not None
    assert pooled.y.tolist() == [1, 1]
    assert not pooled.columns


def _deep(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array([[0, value]], np.uint16)).save(path)


def test_pictures_of_12_bits_are_not_dark(tmp_path: Path) -> None:
    for name, value in (("train/a/0.png", 4095), ("train/b/0.png", 2048), ("test/b/0.png", 1024)):
        _deep(tmp_path / name, value)
    dataset = load_dataset("folder", path=tmp_path)
    assert dataset.train.x[:, 0, 0].tolist() == [[0, 255], [0, 128]]  # 2048 / 4095 × 255 = 127.5
    assert dataset.test is not None
    assert dataset.test.x[:, 0, 0].tolist() == [[0, 64]]
    assert dataset.notes == (
        "Pictures of 16 bits reach up to 4,095, and 4,095 is taken for white; data.scale says another.",
    )
    assert dataset.reader.rows([tmp_path / "test/b/0.png"])[:, 0, 0].tolist() == [[0, 64]]
    said = load_dataset("folder", path=tmp_path, scale=2048)
    assert said.train.x[:, 0, 0].tolist() == [[0, 255], [0, 255]]
    assert said.notes == ()


def test_pictures_of_16_bits_are_divided_by_their_full_scale(tmp_path: Path) -> None:
    _deep(tmp_path / "a/0.png", 65_535)
    _deep(tmp_path / "b/0.png", 4096)
    Image.fromarray(np.array([[0, 200]], np.uint8)).save(tmp_path / "b" / "1.png")
    dataset = load_dataset("folder", path=tmp_path)
    assert dataset.train.x[:, 0, 0].tolist() == [[0, 255], [0, 16], [0, 200]]
    assert dataset.notes == ()


def test_kinds_of_pictures_that_need_a_package_are_named(tmp_path: Path, png: Callable[..., bytes]) -> None:
    _fill(tmp_path / "a", 1, GREY, png)
    (tmp_path / "a" / "IMG_1.HEIC").write_bytes(b"what a phone writes")
    with pytest.raises(DataError, match=r"IMG_1.HEIC cannot be .*(pip install pillow-heif, or save them as JPEG|none)"):
        load_dataset("folder", path=tmp_path)
    (tmp_path / "a" / "IMG_1.HEIC").rename(tmp_path / "a" / "IMG_1.CR2")
    with pytest.raises(DataError, match=r"IMG_1.CR2 cannot be read \(Pillow cannot read .cr2 pictures here: save them"):
        load_dataset("folder", path=tmp_path)


def test_the_ends_of_names_that_programs_give_to_jpegs(tmp_path: Path) -> None:
    for kind in ("jfif", "jpe", "JPG"):
        (tmp_path / "a").mkdir(exist_ok=True)
        Image.fromarray(GREY).save(tmp_path / "a" / f"0.{kind}", "JPEG")
    assert len(load_dataset("folder", path=tmp_path).train) == 3


def test_a_folder_of_other_files_says_which_they_are(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / "ill").mkdir(exist_ok=True)
        (tmp_path / "ill" / f"{number}.dcm").write_bytes(b"DICM")
    with pytest.raises(DataError, match=r"holds no folders with pictures, but 3 of .dcm: give the folder whose"):
        load_dataset("folder", path=tmp_path)
