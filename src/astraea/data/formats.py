"""Reading the formats that publishers ship; damage is told in one sentence that names the file."""

from __future__ import annotations

import gzip
import io
import math
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from astraea.data.dataset import Dataset, Samples
from astraea.data.files import corrupt
from astraea.errors import DataError, InputError
from astraea.reading import regular

__all__ = [
    "check_labels",
    "check_shape",
    "idx_samples",
    "open_plain",
    "open_tar",
    "open_zip",
    "read_idx",
    "read_npz",
    "reading",
]

_GZIP_MAGIC = b"\x1f\x8b"
_MOST_FILE_BYTES = 1 << 40
_MOST_IDX_BYTES = 1 << 32
_PIECE = 1 << 20
_MUCH = 1 << 28
_MOST_GROWTH = 200


@contextmanager
def reading(path: object) -> Iterator[None]:
    """Turn what is raised over a damaged or unfit file into a :class:`DataError` that names ``path``.

    What is neither a file nor a folder, as a pipe, is refused first: to open it would be to wait for whoever writes it.
    """
    damage = (
        *(EOFError, KeyError, MemoryError, OSError, OverflowError, RecursionError, SyntaxError, ValueError),
        *(zlib.error, zipfile.BadZipFile, zipfile.LargeZipFile, tarfile.TarError, NotImplementedError),
    )
    try:
        if isinstance(path, str | Path) and Path(path).exists() and not Path(path).is_dir():
            regular(Path(path), _MOST_FILE_BYTES)
        yield
    except DataError:
        raise
    except FileNotFoundError as error:
        raise corrupt(path, "it is not there") from error
    except damage as error:
        raise corrupt(path, error) from error
    except RuntimeError as error:  # zipfile has no error of its own for a member under a password
        if "encrypted" not in str(error):
            raise
        raise corrupt(path, InputError("it is encrypted: unpack it with its password and pack it without")) from error


def check_labels(labels: NDArray[np.integer], count: int, classes: int) -> None:
    """Raise ``ValueError`` unless there are ``count`` labels, from 0 to ``classes - 1``."""
    if labels.shape != (count,):
        raise ValueError(f"labels of shape {labels.shape} for {count} samples")
    if count and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ValueError(f"labels from {labels.min()} to {labels.max()} where 0 to {classes - 1} are expected")


def check_shape(dataset: Dataset, shape: tuple[int, ...], path: object) -> Dataset:
    """Return ``dataset``, or raise :class:`DataError` naming ``path`` if its samples have another shape."""
    if dataset.shape != shape:
        raise corrupt(path, f"samples of shape {dataset.shape} where {shape} is expected")
    return dataset


@contextmanager
def open_plain(path: Path | zipfile.Path) -> Iterator[io.BufferedIOBase]:
    """Open ``path`` for reading, through gzip if its first bytes say so, whatever its name says."""
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        if not packed:
            yield cast(io.BufferedIOBase, raw)  # also of a zip member
            return
        with gzip.GzipFile(fileobj=raw) as plain:
            yield plain


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip archive, or the one that lies inside it, as UCI ships some of its archives."""
    with zipfile.ZipFile(path) as archive:
        inner = [name for name in archive.namelist() if name.endswith(".zip")]
        if len(inner) != 1:
            yield archive
            return
        with zipfile.ZipFile(io.BytesIO(archive.read(inner[0]))) as nested:
            nested.filename = f"{path}/{inner[0]}"  # what errors call it
            yield nested


@contextmanager
def open_tar(path: Path) -> Iterator[tarfile.TarFile]:
    """Open a tar archive, packed or not; ``ValueError`` if it is none."""
    if not tarfile.is_tarfile(path):
        raise ValueError("it is not a tar archive")
    with tarfile.open(path) as archive:
        yield archive


def read_idx(stream: io.BufferedIOBase) -> NDArray[np.uint8]:
    """Read an array of unsigned bytes in the idx format of MNIST (http://yann.lecun.com/exdb/mnist).

    The file begins with two zero bytes, the element type (8: unsigned byte), the number of dimensions, and
    each dimension as a big-endian 32-bit integer. Raises ``ValueError`` if it is anything else.
    """
    magic = stream.read(4)
    if len(magic) < 4 or magic[:3] != b"\0\0\x08" or not 1 <= magic[3] <= 4:
        raise ValueError(f"its first bytes are {magic.hex() or 'absent'}, not those of an idx file")
    header = stream.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise ValueError("its header is cut short")
    shape = tuple(int(size) for size in np.frombuffer(header, ">u4"))
    if np.prod(shape, dtype=float) > _MOST_IDX_BYTES:
        raise ValueError(f"its header claims an array of shape {shape}")
    values = np.empty(shape, np.uint8)
    # Into the array piece by piece: a copy of the largest files would take half a gigabyte more.
    room = values.reshape(-1).data
    filled = 0
    while filled < len(room):
        if not (got := stream.readinto(room[filled : filled + _PIECE])):
            raise ValueError(f"it ends after {filled} of {len(room)} bytes")
        filled += got
    if stream.read(1):
        raise ValueError("it is longer than its header says")
    return values


def idx_samples(
    images: Path | zipfile.Path, labels: Path | zipfile.Path, classes: int, first_label: int = 0
) -> Samples:
    """Read grey images (n, H, W) and their labels (n,) from two idx files, as images (n, 1, H, W).

    Labels in the file count from ``first_label``. Raises :class:`DataError` if either file is unfit.
    """
    with reading(images), open_plain(images) as stream:
        x = read_idx(stream)
        if x.ndim != 3:
            raise ValueError(f"an array of shape {x.shape}, not of images")
    with reading(labels), open_plain(labels) as stream:
        y = read_idx(stream).astype(np.int64) - first_label
        check_labels(y, len(x), classes)
    return Samples(x[:, None], y)


def read_npz(path: Path) -> dict[str, NDArray[np.generic]]:
    """Read all arrays of an ``.npz`` file; pickled objects in it are refused, since they could run code.

    So are arrays that are not as long as their header says, and archives of which little unpacks to very much.
    """
    if path.is_dir():
        raise DataError(
            f"{path} is a folder: name an .npz file in it, or set data.name to 'folder' for pictures or to 'table' for "
            "a file of each site"
        )
    with reading(path), path.open("rb") as stream:
        if not zipfile.is_zipfile(stream):
            raise ValueError("it is not an .npz archive")
        with zipfile.ZipFile(stream) as packed:
            _check_sizes(packed, path.stat().st_size)
        stream.seek(0)
        archive = np.load(stream, allow_pickle=False)
        with archive:
            return {name: archive[name] for name in archive.files}


def _check_sizes(packed: zipfile.ZipFile, size: int) -> None:
    """Raise ``ValueError`` unless every array in an archive of ``size`` bytes is plain and as long as it claims."""
    unpacked = sum(member.file_size for member in packed.infolist())
    if unpacked > _MUCH and unpacked > _MOST_GROWTH * size:
        raise ValueError(f"it would unpack from {size / 1e6:.1f} MB to {unpacked / 1e9:.1f} GB")
    for member in packed.infolist():
        if not member.filename.endswith(".npy"):
            continue
        with packed.open(member) as stream:
            version = np.lib.format.read_magic(stream)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = header(stream)
            if dtype.hasobject:
                raise InputError(
                    f"{member.filename.removesuffix('.npy')} holds Python objects, which are never run: save lists of "
                    "different lengths as x=np.concatenate(rows), x_lengths=[len(row) for row in rows], all else as "
                    "plain numbers or strings, as in y.astype(str)"
                )
            if math.prod(shape) * dtype.itemsize != member.file_size - stream.tell():
                raise ValueError(f"the header of {member.filename} claims an array of shape {_short(shape)}")


def _short(shape: tuple[int, ...]) -> str:
    return f"({', '.join(f'{size:,}' if size < 10**15 else f'10^{len(str(size)) - 1}' for size in shape)})"
