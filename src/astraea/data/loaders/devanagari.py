"""Devanagari handwritten characters (Acharya, Pant and Gyawali 2015, doi:10.1109/SKIMA.2015.7400041).

92,000 grey 32 × 32 images, white on black, of 36 letters and 10 digits. Read from ``dhcd_32x32.npz`` (parts
train, val and test), or from UCI's archive of PNG files or its unpacked folder (parts Train and Test). UCI
publishes no checksum; the archive's own check sums and the names of its folders are verified instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from astraea.data.dataset import Dataset, Samples
from astraea.data.files import Remote
from astraea.data.formats import check_shape, read_npz, reading
from astraea.data.images import read_tree
from astraea.data.loaders import npz
from astraea.data.loaders.arrays import concatenate, from_arrays
from astraea.data.loaders.base import Loader
from astraea.errors import InputError

__all__ = ["CLASSES", "Devanagari"]

_LETTERS = """
ka kha ga gha kna cha chha ja jha yna taamatar thaa daa dhaa adna tabala tha da dha na pa pha ba bha ma yaw ra
la waw motosaw petchiryakha patalosaw ha chhya tra gya
"""
CLASSES = tuple(
    [f"character_{number}_{name}" for number, name in enumerate(_LETTERS.split(), start=1)]
    + [f"digit_{digit}" for digit in range(10)]
)

_ARCHIVE = Remote(
    "devanagari+handwritten+character+dataset.zip",
    "https://archive.ics.uci.edu/static/public/389/devanagari+handwritten+character+dataset.zip",
)
_FOLDER = "DevanagariHandwrittenCharacterDataset"


class Devanagari(Loader, name="devanagari"):
    """Handwritten Devanagari characters, grey 28 × 28, 46 balanced classes."""

    publisher: ClassVar[str] = "https://doi.org/10.24432/C5XS53"
    licence: ClassVar[str] = "CC BY 4.0"

    crop: bool = Field(True, description="Cut the 2-pixel border, 32 to 28 pixels a side.")
    join_validation: bool | None = Field(
        None, description="Add the validation set to the training pool; by default yes."
    )

    def load(self) -> Dataset:
        """Return the characters, images (n, 1, 28, 28), or (n, 1, 32, 32) without ``crop``.

        ``crop`` cuts off the empty border of 2 pixels. ``join_validation`` (by default yes) adds the validation
        images to the training pool; the published archive has them there already.
        """
        files = self.files
        source = files.find("dhcd_32x32.npz", _FOLDER) or files.get(_ARCHIVE, f"{_FOLDER}.zip")
        if source.suffix == ".npz":
            train, test = _from_npz(source, self.join_validation is not False)
        elif self.join_validation is False:
            raise InputError(f"{source} has no validation set of its own: leave join_validation out")
        else:
            pools = read_tree(source, {"Train": "train", "Test": "test"}, CLASSES, "grey")
            train, test = pools["train"], pools["test"]
        dataset = check_shape(Dataset(files.dataset, train, test, CLASSES), (1, 32, 32), source)
        return Dataset(files.dataset, _cropped(train), _cropped(test), CLASSES) if self.crop else dataset


def _from_npz(path: Path, join_validation: bool) -> tuple[Samples, Samples]:
    arrays = read_npz(path)
    with reading(path):
        parts = []
        for name in ("train", "val", "test"):
            if (part := npz.read_part(arrays, name)) is None:
                raise InputError(f"it has no array {name}_images")
            parts.append(from_arrays(part.x, part.y, class_names=CLASSES).train)
    train, validation, test = parts
    return (concatenate(train, validation) if join_validation else train), test


def _cropped(samples: Samples) -> Samples:
    return Samples(np.ascontiguousarray(samples.x[..., 2:30, 2:30]), samples.y, samples.columns)
