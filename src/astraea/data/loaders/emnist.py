"""EMNIST (Cohen, Afshar, Tapson and van Schaik 2017, arXiv:1702.05373): handwritten characters of NIST SD 19.

The publisher's one archive, ``gzip.zip``, holds every split as packed idx files; these may also lie
unpacked. Its images are stored transposed and are put upright here. The URL is the publisher's; the checksum
is the one that torchvision verifies.
"""

from __future__ import annotations

import string
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from astraea.data.dataset import Dataset, Samples
from astraea.data.files import Remote
from astraea.data.formats import check_shape, idx_samples, reading
from astraea.data.loaders.base import Loader
from astraea.errors import unknown_name

__all__ = ["SPLITS", "Emnist"]

_ARCHIVE = Remote(
    "gzip.zip",
    "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
    "md5:58c8d27c78d21e728a6bc7b3cc06412e",
)
_EACH = tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase)
_MERGED = tuple(string.digits + string.ascii_uppercase + "abdefghnqrt")
_BLOCK = 4096

SPLITS: dict[str, tuple[str, ...]] = {
    "balanced": _MERGED,
    "bymerge": _MERGED,
    "byclass": _EACH,
    "letters": tuple(string.ascii_uppercase),
    "digits": tuple(string.digits),
    "mnist": tuple(string.digits),
}
"""Class names of each split, in the order of their labels; "letters" merges upper and lower case."""


class Emnist(Loader, name="emnist"):
    """Handwritten characters, grey 28 × 28, 47, 62, 26 or 10 classes by split."""

    publisher: ClassVar[str] = "https://www.nist.gov/itl/products-and-services/emnist-dataset"
    licence: ClassVar[str] = "as NIST Special Database 19"

    split: str = Field("balanced", description="balanced, bymerge, byclass, letters, digits or mnist.")

    def load(self) -> Dataset:
        """Return a split of EMNIST, images (n, 1, 28, 28).

        Raises :class:`~astraea.errors.InputError` for an unknown split.
        """
        files = self.files
        if self.split not in SPLITS:
            raise unknown_name("EMNIST split", self.split, SPLITS)
        names = [
            f"emnist-{self.split}-{part}-{kind}-ubyte"
            for part in ("train", "test")
            for kind in ("images-idx3", "labels-idx1")
        ]
        unpacked = [files.find(f"{name}.gz", name, f"gzip/{name}.gz", f"gzip/{name}") for name in names]
        found = [path for path in unpacked if path is not None]
        if len(found) == len(names):
            return _dataset(files.dataset, self.split, found)
        archive = files.get(_ARCHIVE, "emnist.zip")
        with reading(archive), zipfile.ZipFile(archive) as packed:
            return _dataset(files.dataset, self.split, [zipfile.Path(packed, f"gzip/{name}.gz") for name in names])


def _dataset(name: str, split: str, paths: Sequence[Path | zipfile.Path]) -> Dataset:
    """Return a split from its four idx files: training images and labels, test images and labels."""
    classes = SPLITS[split]
    first_label = 1 if split == "letters" else 0
    train = _upright(idx_samples(paths[0], paths[1], len(classes), first_label))
    test = _upright(idx_samples(paths[2], paths[3], len(classes), first_label))
    return check_shape(Dataset(name, train, test, classes), (1, 28, 28), paths[0])


def _upright(samples: Samples) -> Samples:
    """Transpose each image in place, block by block: a copy of "byclass" would take half a gigabyte."""
    for start in range(0, len(samples), _BLOCK):
        block = samples.x[start : start + _BLOCK]
        block[:] = block.swapaxes(2, 3).copy()
    return samples
