"""Handwritten digits that come with scikit-learn: the built-in default, no download.

1,797 grey 8 × 8 images of ten classes, the test part of UCI's "Optical Recognition of Handwritten Digits"
(https://doi.org/10.24432/C50P49). Pixel values 0 to 16 are scaled to 0 to 255.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np

from astraea.data.dataset import Dataset, Samples
from astraea.data.loaders.arrays import fixed_split
from astraea.data.loaders.base import Loader

__all__ = ["Digits"]

_TEST_SHARE = 0.2


class Digits(Loader, name="digits"):
    """Handwritten digits, grey 8 × 8, 10 classes; bundled with scikit-learn, no download."""

    publisher: ClassVar[str] = "https://doi.org/10.24432/C50P49"
    licence: ClassVar[str] = "CC BY 4.0"

    def load(self) -> Dataset:
        """Return the digits; the test set is every fifth sample of each class, in the published order."""
        package = find_spec("sklearn")  # not imported: only its file is needed, and it takes a second
        assert package is not None
        assert package.origin is not None
        rows = np.loadtxt(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz", delimiter=",")
        images = np.round(rows[:, :-1].reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8)
        train, test = fixed_split(Samples(images, rows[:, -1].astype(np.int64)), _TEST_SHARE)
        return Dataset(self.files.dataset, train, test, tuple("0123456789"))
