from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from astraea.data.formats import (
    check_labels,
    idx_samples,
    open_plain,
    open_tar,
    open_zip,
    read_idx,
    read_npz,
    reading,
)
from astraea.errors import DataError, InputError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def test_idx_of_known_bytes() -> None:
    # One image of two rows and one column, as http://yann.lecun.com/exdb/mnist lays it out.
    content = bytes.fromhex("00000803 00000001 00000002 00000001 07ff")
    assert read_idx(io.BytesIO(content)).tolist() == [[[7], [255]]]


@given(array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0)))
def test_idx_is_read_as_it_was_written(idx: Callable[..., bytes], array: np.ndarray) -> None:
    assert np.array_equal(read_idx(io.BytesIO(idx(array))), array)


@given(cut=st.integers(0, 4 + 12 + 23))
def test_every_truncation_of_an_idx_file_is_noticed(idx: Callable[..., bytes], cut: int) -> None:
    with pytest.raises(ValueError, match=r"first bytes|cut short|ends after"):
        read_idx(io.BytesIO(idx(IMAGES)[:cut]))


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"<html>not found</html>", "first bytes are 3c68746d, not those of an idx file"),
        (b"", "first bytes are absent"),
        (b"\0\0\x0d\x01\0\0\0\x01", "first bytes are 00000d01"),
        (b"\0\0\x08\x02\xff\xff\xff\xff\xff\xff\xff\xff", "claims an array of shape"),
        (b"\0\0\x08\x01\0\0\0\x01\x05\x06", "longer than its header says"),
    ],
)
def test_what_is_not_idx_is_refused(content: bytes, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read_idx(io.BytesIO(content))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_images_become_channel_first(tmp_path: Path, write_idx: Callable[..., None], suffix: str) -> None:
    images, labels = tmp_path / f"images{suffix}", tmp_path / f"labels{suffix}"
    write_idx(images, IMAGES)
    write_idx(labels, np.array([1, 2]))
    samples = idx_samples(images, labels, classes=2, first_label=1)
    assert samples.x.shape == (2, 1, 3, 4)
    assert samples.x.dtype == np.uint8
    assert samples.y.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        ([0], r"labels of shape \(1,\) for 2 samples"),
        ([0, 2], "labels from 0 to 2 where 0 to 1 are expected"),
        (IMAGES, r"labels of shape \(2, 3, 4\)"),
    ],
)
def test_labels_that_do_not_fit_name_their_file(
    tmp_path: Path, write_idx: Callable[..., None], labels: object, complaint: str
) -> None:
    write_idx(tmp_path / "images", IMAGES)
    write_idx(tmp_path / "labels", np.array(labels, np.uint8))
    with pytest.raises(DataError, match=f"labels cannot be used .{complaint}"):
        idx_samples(tmp_path / "images", tmp_path / "labels", classes=2)


def test_labels_in_place_of_images_are_refused(tmp_path: Path, write_idx: Callable[..., None]) -> None:
    write_idx(tmp_path / "labels", np.array([0, 1]))
    with pytest.raises(DataError, match=r"labels cannot be used \(an array of shape \(2,\), not of images"):
        idx_samples(tmp_path / "labels", tmp_path / "labels", classes=2)


def test_a_truncated_gzip_file_is_named(tmp_path: Path, idx: Callable[..., bytes]) -> None:
    path = tmp_path / "images.gz"
    path.write_bytes(gzip.compress(idx(IMAGES))[:-12])
    with pytest.raises(DataError, match=r"images.gz cannot be used .*: replace it with a good copy"):
        idx_samples(path, path, classes=2)


def test_packing_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    (tmp_path / "plain.gz").write_bytes(b"plain")
    (tmp_path / "packed").write_bytes(gzip.compress(b"packed"))
    for name, content in (("plain.gz", b"plain"), ("packed", b"packed")):
        with open_plain(tmp_path / name) as stream:
            assert stream.read() == content


def test_a_zip_inside_a_zip_is_opened(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("deep.txt", "found")
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.writestr("names.txt", "beside")
        archive.writestr("inner.zip", inner.getvalue())
    with open_zip(tmp_path / "outer.zip") as archive:
        assert archive.read("deep.txt") == b"found"
    (tmp_path / "inner.zip").write_bytes(inner.getvalue())
    with open_zip(tmp_path / "inner.zip") as archive:
        assert archive.read("deep.txt") == b"found"


def test_what_is_not_a_tar_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.tar.gz").write_text("<html>moved</html>")
    with (
        pytest.raises(DataError, match=r"page.tar.gz cannot be used \(it is not a tar archive\)"),
        reading(tmp_path / "page.tar.gz"),
        open_tar(tmp_path / "page.tar.gz"),
    ):
        pass


def test_npz_is_read_and_pickled_objects_in_it_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "good.npz", x=IMAGES)
    assert np.array_equal(read_npz(tmp_path / "good.npz")["x"], IMAGES)
    np.savez(tmp_path / "objects.npz", x=np.array([{}, []], object))
    with pytest.raises(DataError, match=r"objects.npz cannot be used"):
        read_npz(tmp_path / "objects.npz")
    np.savez(tmp_path / "names.npz", y=np.array(["cat", "dog"], object))
    with pytest.raises(DataError, match=r"cannot be used \(y holds Python objects, .* y\.astype\(str\)\)$"):
        read_npz(tmp_path / "names.npz")


@pytest.mark.parametrize("damage", ["truncated", "text", "npy"])
def test_a_damaged_npz_is_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, x=IMAGES)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-30])
    elif damage == "text":
        path.write_text("version https://git-lfs.github.com/spec/v1")
    else:
        with path.open("wb") as stream:
            np.save(stream, IMAGES)
    with pytest.raises(DataError, match=r"data.npz cannot be used"):
        read_npz(path)


def test_labels_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="labels from -1 to 0"):
        check_labels(np.array([0, -1]), 2, 3)
    check_labels(np.array([], int), 0, 3)


def _lying(path: Path, header: str, content: bytes = b"1234") -> Path:
    """Write an archive whose array has ``header``."""
    text = header.encode()
    text += b" " * (-(10 + len(text) + 1) % 64) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content)
    return path


@pytest.mark.parametrize(
    ("shape", "complaint"),
    [
        ("(10000000000,)", r"claims an array of shape \(10,000,000,000\)"),
        (f"({2**70},)", r"claims an array of shape \(10\^21\)"),
        (f"({2**40}, {2**40})", "claims an array of shape"),
        (f"({'9' * 5000},)", "cannot be used"),
        ("(-1,)", "cannot be used"),
        ("(" * 200 + ")" * 200, "cannot be used"),
    ],
)
def test_a_header_that_lies_is_told_in_one_sentence(tmp_path: Path, shape: str, complaint: str) -> None:
    path = _lying(tmp_path / "x.npz", f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}")
    with pytest.raises(DataError, match=complaint) as caught:
        read_npz(path)
    assert len(str(caught.value)) < 700
    assert "\n" not in str(caught.value)


def test_an_archive_under_a_password_is_told(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, x=np.zeros(3))
    content = bytearray(path.read_bytes())
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # bit 0 of the flags says that a member is encrypted
        content[content.index(magic) + flags] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"data.npz cannot be used \(it is encrypted: unpack it with its password"):
        read_npz(path)


def test_little_that_unpacks_to_very_much_is_refused(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("x.npy", "w", force_zip64=True) as stream,
    ):
        np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (300 << 20,)})
        for _ in range(300):
            stream.write(bytes(1 << 20))
    with pytest.raises(DataError, match=r"it would unpack from 1.\d MB to 0.3 GB"):
        read_npz(tmp_path / "x.npz")


def test_a_whole_file_of_unfit_contents_is_not_to_be_replaced(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught, reading(tmp_path / "x.npz"):
        raise InputError("it has no labels")
    assert str(caught.value) == f"{tmp_path / 'x.npz'} cannot be used (it has no labels)"
