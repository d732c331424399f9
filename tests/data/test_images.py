from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from astraea.data.images import LeftOut, read_tree, walk
from astraea.data.pictures import decode
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


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_become_eight(kind: str) -> None:
    wide = Image.fromarray(GREY.astype(np.uint16) * 257)
    assert np.array_equal(decode(encoded(wide, kind)), GREY[None])


def test_floating_point_pixels_from_0_to_1_become_eight_bits_and_others_are_refused() -> None:
    part = Image.fromarray((GREY / 255).astype(np.float32))
    assert np.array_equal(decode(encoded(part, "TIFF")), GREY[None])
    with pytest.raises(ValueError, match="its values go from 0 to 250, not from 0 to 1: convert it"):
        decode(encoded(Image.fromarray(GREY.astype(np.float32)), "TIFF"))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
def test_every_common_kind_of_file_is_read(kind: str) -> None:
    content = encoded(Image.fromarray(GREY), kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert np.array_equal(decode(content, "grey"), GREY[None])


# The letter F drawn upright, as it lies in the file under each EXIF orientation.
@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        (1, GREY),
        (2, GREY[:, ::-1]),
        (3, GREY[::-1, ::-1]),
        (4, GREY[::-1]),
        (5, GREY.T),
        (6, GREY.T[::-1]),
        (7, GREY.T[::-1, ::-1]),
        (8, GREY.T[:, ::-1]),
    ],
)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_images_stand_upright(orientation: int, stored: np.ndarray, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored))
    assert np.array_equal(decode(encoded(image, kind, exif=exif)), GREY[None])


def _clear(colour: int, alpha: np.ndarray, mode: str) -> bytes:
    channels = [np.full_like(alpha, colour)] * (len(mode) - 1) + [alpha]
    return encoded(Image.fromarray(np.stack(channels, axis=2), mode=None), "PNG")


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_drawing_in_the_alpha_channel_is_seen(mode: str) -> None:
    black_on_white = decode(_clear(0, GREY, mode))
    assert len(black_on_white) == (3 if mode == "RGBA" else 1)
    assert np.abs(black_on_white[0].astype(int) - (255 - GREY)).max() <= 1
    white = decode(_clear(255, GREY, mode))  # which nobody would see on white
    assert np.abs(white[0].astype(int) - GREY).max() <= 1
    assert (decode(_clear(77, np.full_like(GREY, 255), mode)) == 77).all()


def test_a_palette_with_a_transparent_colour_is_laid_on_white() -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 200, 100, 50])
    shown = decode(encoded(image, "PNG", transparency=0))
    assert shown[:, 0, 0].tolist() == [255, 255, 255]
    assert shown[:, 0, 1].tolist() == [200, 100, 50]


def test_grey_images_stored_in_colour_go_with_grey_ones_in_either_order(tmp_path: Path) -> None:
    three = encoded(Image.fromarray(GREY).convert("RGB"), "PNG")
    one = encoded(Image.fromarray(GREY), "PNG")
    for number, order in enumerate([(one, three, one), (three, one, three)]):
        folder = tmp_path / str(number) / "cat"
        folder.mkdir(parents=True)
        for place, content in enumerate(order):
            (folder / f"{place}.png").write_bytes(content)
        assert np.array_equal(read_tree(folder.parent, {"": "all"}, ("cat",))["all"].x, np.stack([GREY[None]] * 3))


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
    (tmp_path / "cat" / "2.png").write_bytes(png(RGB[:, :2]))
    with pytest.raises(
        DataError,
        match=r"cat/2.png has shape \(3, 2, 2\), those before it \(1, 2, 3\): make them alike",
    ):
        read_tree(tmp_path, {"": "all"}, ("cat",))
    assert read_tree(tmp_path, {"": "all"}, ("cat",), "rgb", 4)["all"].x.shape == (2, 3, 4, 4)


@pytest.mark.parametrize("order", [(GREY, RGB), (RGB, GREY)])
def test_grey_images_among_colours_get_three_equal_channels(
    tmp_path: Path, png: Callable[..., bytes], order: tuple[np.ndarray, ...]
) -> None:
    (tmp_path / "cat").mkdir()
    for number, pixels in enumerate((*order, GREY)):
        (tmp_path / "cat" / f"{number}.png").write_bytes(png(pixels))
    left_out = LeftOut()
    found = read_tree(tmp_path, {"": "all"}, ("cat",), left_out=left_out)["all"].x
    plain = [np.stack([GREY] * 3) if pixels is GREY else RGB.transpose(2, 0, 1) for pixels in (*order, GREY)]
    assert np.array_equal(found, plain)
    assert left_out.notes == ("2 grey images among those with colours are read with three equal channels.",)


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


def test_few_bytes_that_claim_very_many_pixels_are_refused() -> None:
    content = io.BytesIO()
    Image.new("1", (5_000, 5_000)).save(content, "WEBP", lossless=True)
    with pytest.raises(ValueError, match=r"bytes claim 5,000 × 5,000 pixels"):
        decode(content.getvalue())
