"""Reading the formats that publishers ship; damage is told in one sentence that names the file."""

from __future__ import annotations

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from astraea.data.dataset import Samples
from astraea.data.files import corrupt
from astraea.errors import AstraeaError

__all__ = ["check_labels", "idx_samples", "open_plain", "read_idx", "read_npz", "reading"]

_GZIP_MAGIC = b"\x1f\x8b"
_MOST_IDX_BYTES = 1 << 32


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what Python raises over a damaged file into a :class:`DataError` that names ``path``."""
    damage = (EOFError, KeyError, OSError, ValueError, zlib.error, zipfile.BadZipFile, tarfile.TarError)
    try:
        yield
    except AstraeaError:
        raise
    except damage as error:
        raise corrupt(path, error) from error


def check_labels(labels: NDArray[np.generic], count: int, classes: int, path: Path) -> None:
    """Raise :class:`DataError` naming ``path`` unless it holds ``count`` labels from 0 to ``classes - 1``."""
    if labels.shape != (count,):
        raise corrupt(path, f"labels of shape {labels.shape} for {count} samples")
    if count and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise corrupt(path, f"labels from {labels.min()} to {labels.max()}, but there are {classes} classes")


@contextmanager
def open_plain(path: Path) -> Iterator[BinaryIO]:
    """Open ``path`` for reading, through gzip if its first bytes say so, whatever its name says."""
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP_MAGIC
        raw.seek(0)
        if not packed:
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as plain:
            yield plain  # type: ignore[misc]  # a GzipFile reads as any binary file does


def read_idx(stream: BinaryIO) -> NDArray[np.uint8]:
    """Read an array of unsigned bytes in the idx format of MNIST (http://yann.lecun.com/exdb/mnist).

    The file begins with two zero bytes, the element type (8: unsigned byte), the number of dimensions, and
    each dimension as a big-endian 32-bit integer. Raises ``ValueError`` if it is anything else.
    """
    magic = stream.read(4)
    if len(magic) < 4 or magic[:3] != b"\0\0\x08" or not 1 <= magic[3] <= 4:
        raise ValueError(f"its first bytes are {magic.hex() or 'absent'}, not those of an idx file")
    shape = tuple(int(size) for size in np.frombuffer(stream.read(4 * magic[3]), ">u4"))
    if len(shape) != magic[3] or np.prod(shape, dtype=float) > _MOST_IDX_BYTES:
        raise ValueError("its header is damaged")
    values = np.empty(shape, np.uint8)
    # Straight into the array: a copy of the largest files would take half a gigabyte more.
    room = values.reshape(-1).data
    filled = 0
    while filled < len(room):
        if not (got := stream.readinto(room[filled:])):  # type: ignore[attr-defined]
            raise ValueError(f"it ends after {filled} of {len(room)} bytes")
        filled += got
    if stream.read(1):
        raise ValueError("it is longer than its header says")
    return values


def idx_samples(images: Path, labels: Path, classes: int) -> Samples:
    """Read grey images (n, H, W) and their labels (n,) from two idx files, as images (n, 1, H, W)."""
    with reading(images), open_plain(images) as stream:
        x = read_idx(stream)
        if x.ndim != 3:
            raise ValueError(f"an array of shape {x.shape}, not images")
    with reading(labels), open_plain(labels) as stream:
        y = read_idx(stream)
    check_labels(y, len(x), classes, labels)
    return Samples(x[:, None], y.astype(np.int64))


def read_npz(path: Path) -> dict[str, NDArray[np.generic]]:
    """Read all arrays of an ``.npz`` file; pickled objects in it are refused, since they could run code."""
    with reading(path):
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it is not an .npz archive")
        with archive:
            return {name: archive[name] for name in archive.files}
