from __future__ import annotations

import io
import pickle
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

from astraea.data import load_dataset
from astraea.data.loaders.cifar10 import CLASSES
from astraea.errors import DataError

TRAIN = [f"data_batch_{number}" for number in range(1, 6)]


def _text(value: bytes) -> bytes:
    return b"U" + bytes([len(value)]) + value  # SHORT_BINSTRING: a str of Python 2


def _batch(pixels: np.ndarray, labels: list[int]) -> bytes:
    """A batch as published: a dict with an array, pickled by Python 2 at protocol 2, opcode by opcode."""
    rows, columns = pixels.shape
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n"
         b"cnumpy\nndarray\n"
         b"K\x00\x85"  # shape (0,)
        + _text(b"b")
        + b"\x87R("  # _reconstruct(ndarray, (0,), "b"), then the state
        + b"K\x01"
        + b"J" + struct.pack("<i", rows) + b"J" + struct.pack("<i", columns) + b"\x86"
        + b"cnumpy\ndtype\n" + _text(b"u1") + b"K\x00K\x01\x87R"
        + b"(K\x03" + _text(b"|") + b"NNN" + b"J\xff\xff\xff\xff" * 2 + b"K\x00tb"
        + b"\x89"  # False: not in Fortran's order
        + b"T" + struct.pack("<i", pixels.size) + pixels.tobytes()
        + b"tb"
    )  # fmt: skip
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    name = _text(b"batch_label") + _text(b"a batch")
    return b"\x80\x02}(" + name + _text(b"labels") + numbers + _text(b"data") + array + b"u."


def _published() -> dict[str, bytes]:
    """Two images a batch; image k of all is red k, green 100 and blue 200, in planes of 1,024 bytes."""
    content = {}
    for number, name in enumerate([*TRAIN, "test_batch"]):
        pixels = np.zeros((2, 3072), np.uint8)
        pixels[:, :1024] = [[2 * number], [2 * number + 1]]
        pixels[:, 1024:2048] = 100
        pixels[:, 2048:] = 200
        content[name] = _batch(pixels, [number, 9])
    return content


def _write_archive(path: Path, content: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def _write_folder(root: Path, content: dict[str, bytes]) -> None:
    (root / "cifar-10-batches-py").mkdir(parents=True)
    for name, data in content.items():
        (root / "cifar-10-batches-py" / name).write_bytes(data)


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_the_published_batches_are_read(tmp_path: Path, form: str) -> None:
    if form == "archive":
        _write_archive(tmp_path / "cifar-10-python.tar.gz", _published())
    else:
        _write_folder(tmp_path / "cifar10", _published())
    dataset = load_dataset("cifar10", dir=tmp_path, download=False)
    assert dataset.test is not None
    assert dataset.train.x.shape == (10, 3, 32, 32)
    assert dataset.train.x[:, 0, 31, 31].tolist() == list(range(10))
    assert dataset.train.x[7, :, 0, 0].tolist() == [7, 100, 200]
    assert dataset.train.y.tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert dataset.test.x[:, 0, 0, 0].tolist() == [10, 11]
    assert dataset.class_names == CLASSES


def test_batches_that_numpy_2_wrote_are_read(tmp_path: Path) -> None:
    batch = pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [4]})
    _write_folder(tmp_path, dict.fromkeys([*TRAIN, "test_batch"], batch))
    assert load_dataset("cifar10", dir=tmp_path).train.y.tolist() == [4] * 5


def test_a_pickle_that_would_run_a_program_is_refused(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    harmful = b"cos\nsystem\n(S'touch " + str(touched).encode() + b"'\ntR."
    _write_folder(tmp_path, _published() | {"data_batch_2": harmful})
    with pytest.raises(DataError, match=r"data_batch_2 cannot be used .*it asks for os.system"):
        load_dataset("cifar10", dir=tmp_path)
    assert not touched.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"version https://git-lfs.github.com/spec/v1",
        _published()["data_batch_3"][:-2000],
        pickle.dumps([1, 2]),
        pickle.dumps({b"labels": [1]}),
        pickle.dumps({b"data": "pixels", b"labels": [1]}),
        pickle.dumps({b"data": np.zeros((1, 3072), np.uint8), b"labels": [10]}),
        pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [1]}),
        pickle.dumps({b"data": np.zeros((1, 3000), np.uint8), b"labels": [1]}),
    ],
)
def test_a_batch_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    _write_folder(tmp_path, _published() | {"data_batch_3": content})
    with pytest.raises(DataError, match=r"cifar-10-batches-py/data_batch_3 cannot be used"):
        load_dataset("cifar10", dir=tmp_path)


def test_an_incomplete_or_damaged_source_is_named(tmp_path: Path) -> None:
    batches = _published()
    del batches["data_batch_5"]
    path = tmp_path / "cifar-10-python.tar.gz"
    _write_archive(path, batches)
    with pytest.raises(DataError, match=r"cifar-10-python.tar.gz cannot be used \(data_batch_5 is not in it"):
        load_dataset("cifar10", dir=tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"cifar-10-python.tar.gz.* cannot be used"):
        load_dataset("cifar10", dir=tmp_path)
    _write_folder(tmp_path, batches)
    with pytest.raises(DataError, match=r"cifar-10-batches-py/data_batch_5 cannot be used \(it is not there\)"):
        load_dataset("cifar10", dir=tmp_path)


def test_a_pool_of_another_shape_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "cifar10_pool.npz", train_images=np.zeros((1, 8, 8, 3), np.uint8), train_labels=[0])
    with pytest.raises(DataError, match=r"samples of shape \(3, 8, 8\) where \(3, 32, 32\) is expected"):
        load_dataset("cifar10", dir=tmp_path)


def test_the_real_pool(data_dir: Path) -> None:
    dataset = load_dataset("cifar10", dir=data_dir, download=False)
    assert dataset.test is not None
    half_normal = [2500, 2285, 1908, 1457, 1016, 648, 378, 201, 98, 44]
    assert dataset.train.counts(10).tolist() == [max(count, 1054) for count in half_normal]
    assert dataset.test.counts(10).tolist() == [500] * 10
    assert dataset.shape == (3, 32, 32)
    assert dataset.class_names == CLASSES
