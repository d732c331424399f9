"""Handwritten digits that come with scikit-learn: the built-in default, no download.

1,797 grey 8 × 8 images of ten classes, the test part of UCI's "Optical Recognition of Handwritten Digits"
(https://doi.org/10.24432/C50P49). Pixel values 0 to 16 are scaled to 0 to 255.
"""

from __future__ import annotations

import numpy as np

from astraea.data.dataset import Dataset, Samples
from astraea.data.files import Finder
from astraea.data.loaders.arrays import fixed_split
from astraea.data.loaders.entry import Entry

__all__ = ["ENTRY", "load"]

_TEST_SHARE = 0.2


def load(files: Finder) -> Dataset:
    """Return the digits; the test set is every fifth sample of each class, in the published order."""
    from sklearn.datasets import load_digits

    bundled = load_digits()
    images = np.round(bundled.images * (255 / 16)).astype(np.uint8)[:, None]
    train, test = fixed_split(Samples(images, bundled.target.astype(np.int64)), _TEST_SHARE)
    return Dataset(files.dataset, train, test, tuple("0123456789"))


ENTRY = Entry(
    load,
    about="handwritten digits, grey 8 × 8, 10 classes; bundled with scikit-learn, no download",
    publisher="https://doi.org/10.24432/C50P49",
    licence="CC BY 4.0",
)
