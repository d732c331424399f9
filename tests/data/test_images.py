from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from astraea.data.images import decode, read_tree, walk
from astraea.errors import DataError

GREY = np.array([[0, 50, 100], [150, 200, 250]], np.uint8)
RGB = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def test_an_image_keeps_its_kind_or_is_converted(png: Callable[..., bytes]) -> None:
    assert np.array_equal(decode(png(GREY)), GREY[None])
    assert np.array_equal(decode(png(RGB)), RGB.transpose(2, 0, 1))
    assert np.array_equal(decode(png(GREY), "rgb"), np.stack([GREY] * 3))
    # ITU-R 601: grey is 0.299 red + 0.587 green + 0.114 blue.
    expected = RGB @ np.array([0.299, 0.587, 0.114])
    assert np.abs(decode(png(RGB), "grey")[0] - expected).max() <= 1
    assert decode(png(RGB), None, 7).shape == (3, 7, 7)


def test_an_image_of_sixteen_bits_is_refused() -> None:
    stream = io.BytesIO()
    Image.fromarray(GREY.astype(np.uint16)).save(stream, "PNG")
    with pytest.raises(ValueError, match=r"of kind I;16, not of 8 bits"):
        decode(stream.getvalue())


@pytest.mark.parametrize("keep", [0, 8, 30, -60])
def test_a_damaged_image_is_refused(png: Callable[..., bytes], keep: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 16), np.uint8)
    with pytest.raises(ValueError, match="not a readable image"):
        decode(png(noise)[:keep])


@pytest.fixture(params=["folder", "zip", "tar.gz"])
def tree(request: pytest.FixtureRequest, tmp_path: Path, png: Callable[..., bytes]) -> Path:
    """The same five images as a folder, a zip and a tar archive."""
    content = {
        "top/train/cat/1.png": png(GREY),
        "top/train/dog/1.PNG": png(GREY + 1),
        "top/valid/cat/1.png": png(GREY + 2),
        "top/test/dog/1.png": png(GREY + 3),
        "top/other/cat/1.png": png(GREY + 4),
        "top/train/cat/._1.png": b"what macOS leaves in archives",
        "top/train/README.txt": b"not an image",
    }
    if request.param == "folder":
        for name, data in content.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(data)
        return tmp_path / "top"
    source = tmp_path / f"top.{request.param}"
    if request.param == "zip":
        with zipfile.ZipFile(source, "w") as archive:
            for name, data in content.items():
                archive.writestr(name, data)
    else:
        with tarfile.open(source, "w:gz") as packed:
            for name, data in content.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                packed.addfile(member, io.BytesIO(data))
    return source


def test_parts_are_pooled_and_the_rest_is_passed_over(tree: Path) -> None:
    pools = read_tree(tree, {"train": "train", "valid": "train", "test": "test"}, ("cat", "dog"))
    assert pools["train"].x[:, 0, 0, 0].tolist() == [0, 1, 2]
    assert pools["train"].y.tolist() == [0, 1, 0]
    assert pools["test"].x.tolist() == [[(GREY + 3).tolist()]]
    assert pools["test"].y.tolist() == [1]
    assert pools["train"].x.flags.writeable
    assert len(list(walk(tree))) == 5


def test_a_folder_that_is_no_class_is_named(tree: Path) -> None:
    with pytest.raises(DataError, match=r"top.* cannot be used \(folder 'dog' is not one of the classes cat\)"):
        read_tree(tree, {"train": "train"}, ("cat",))


def test_a_part_without_images_is_named(tree: Path) -> None:
    with pytest.raises(DataError, match=r"top.* holds no images at val/CLASS/\*.png"):
        read_tree(tree, {"train": "train", "val": "test"}, ("cat", "dog"))


def test_images_of_mixed_shape_name_the_image_and_the_mend(tmp_path: Path, png: Callable[..., bytes]) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").write_bytes(png(GREY))
    (tmp_path / "cat" / "2.png").write_bytes(png(RGB))
    with pytest.raises(
        DataError,
        match=r"cat/2.png has shape \(3, 2, 3\), those before it \(1, 2, 3\): make them alike",
    ):
        read_tree(tmp_path, {"": "all"}, ("cat",))
    assert read_tree(tmp_path, {"": "all"}, ("cat",), "rgb", 4)["all"].x.shape == (2, 3, 4, 4)


def test_a_damaged_image_in_a_tree_is_named(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"cat/1.png cannot be used \(not a readable image"):
        read_tree(tmp_path, {"": "all"}, ("cat",))


@pytest.mark.parametrize("name", ["cut.tar.gz", "cut.zip", "page.tar.gz"])
def test_a_damaged_archive_is_named(tmp_path: Path, png: Callable[..., bytes], name: str) -> None:
    noise = png(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8))
    path = tmp_path / name
    if name == "cut.zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("train/cat/1.png", noise)
    else:
        with tarfile.open(path, "w:gz") as packed:
            member = tarfile.TarInfo("train/cat/1.png")
            member.size = len(noise)
            packed.addfile(member, io.BytesIO(noise))
    content = path.read_bytes()
    path.write_bytes(b"<html>moved</html>" if name.startswith("page") else content[: len(content) // 2])
    with pytest.raises(DataError, match=f"{name} cannot be used"):
        read_tree(path, {"train": "train"}, ("cat",))
