"""CIFAR-10 (Krizhevsky 2009, "Learning multiple layers of features from tiny images"): colour 32 × 32.

Read from the publisher's archive or its unpacked folder, or from a smaller pool of its images in the file
``cifar10_pool.npz``. The batches are Python pickles; they are read by an unpickler that makes nothing but
arrays. URL: the publisher's page; checksum: the one that torchvision verifies.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from astraea.data.dataset import Dataset, Samples
from astraea.data.files import Remote
from astraea.data.formats import check_labels, check_shape, open_tar, reading
from astraea.data.loaders import npz
from astraea.data.loaders.base import Loader

__all__ = ["CLASSES", "Cifar10"]

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

_ARCHIVE = Remote(
    "cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "md5:c58f30108f718f92721af3b95e74349a",
)
_FOLDER = "cifar-10-batches-py"
_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = ("test_batch",)
_SHAPE = (3, 32, 32)


class Cifar10(Loader, name="cifar10"):
    """Photographs of ten kinds of things, colour 32 × 32, 10 balanced classes."""

    publisher: ClassVar[str] = "https://www.cs.toronto.edu/~kriz/cifar.html"
    licence: ClassVar[str] = "none stated"

    def load(self) -> Dataset:
        """Return CIFAR-10 from the first found: the published folder, the published archive, the pool."""
        files = self.files
        source = files.find(_FOLDER, _ARCHIVE.file)
        if source is None and (pool := files.find("cifar10_pool.npz")) is not None:
            return check_shape(npz.read(pool, files.dataset), _SHAPE, pool)
        source = source or files.get(_ARCHIVE)
        with reading(source):
            batches = dict(_folder(source) if source.is_dir() else _archive(source))
            if absent := sorted({*_TRAIN, *_TEST} - batches.keys()):
                raise ValueError(f"{absent[0]} is not in it")
        train, test = (_samples([batches[name] for name in names]) for names in (_TRAIN, _TEST))
        return Dataset(files.dataset, train, test, CLASSES)


_Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


def _folder(source: Path) -> Iterator[tuple[str, _Batch]]:
    for name in (*_TRAIN, *_TEST):
        with reading(source / name), (source / name).open("rb") as stream:
            yield name, _read_batch(stream)


def _archive(source: Path) -> Iterator[tuple[str, _Batch]]:
    with open_tar(source) as archive:
        for member in archive:
            name = Path(member.name).name
            if name in (*_TRAIN, *_TEST) and (stream := archive.extractfile(member)):
                with reading(source / member.name):
                    yield name, _read_batch(stream)


def _read_batch(stream: Any) -> _Batch:
    """Return images (n, 3, 32, 32) and labels (n,) of one batch; ``ValueError`` if it is not one."""
    with _unpickling():
        batch = _ArraysOnly(stream, encoding="bytes").load()
        pixels, labels = batch[b"data"], np.array(batch[b"labels"], np.int64)
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
            raise ValueError("its data are not bytes")
    check_labels(labels, len(pixels), len(CLASSES))
    return pixels.reshape(-1, *_SHAPE), labels


def _samples(batches: list[_Batch]) -> Samples:
    return Samples(np.concatenate([x for x, _ in batches]), np.concatenate([y for _, y in batches]))


class _ArraysOnly(pickle.Unpickler):
    """Unpickles arrays and plain values, and refuses every other name: a pickle can call anything."""

    _ALLOWED: ClassVar = {
        "numpy.core.multiarray._reconstruct": np.empty(0).__reduce__()[0],
        "numpy._core.multiarray._reconstruct": np.empty(0).__reduce__()[0],
        "numpy.ndarray": np.ndarray,
        "numpy.dtype": np.dtype,
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the few names that an array is made of."""
        if (found := self._ALLOWED.get(f"{module}.{name}")) is None:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR-10 batch does")
        return found


@contextmanager
def _unpickling() -> Iterator[None]:
    """Turn the many ways in which a damaged pickle fails into ``ValueError``."""
    try:
        yield
    except (pickle.UnpicklingError, AttributeError, IndexError, KeyError, TypeError) as error:
        raise ValueError(f"not a batch of CIFAR-10: {error}") from error
