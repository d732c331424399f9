"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747): 60,000 + 10,000 grey 28 × 28 articles.

URLs and checksums are those of the publisher's table (https://github.com/zalandoresearch/fashion-mnist).
"""

from __future__ import annotations

from typing import ClassVar

from astraea.data.dataset import Dataset, Samples
from astraea.data.files import Remote
from astraea.data.formats import check_shape, idx_samples
from astraea.data.loaders.base import Loader

__all__ = ["FashionMnist"]

_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
_FILES = {
    "train-images-idx3-ubyte": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}
_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


class FashionMnist(Loader, name="fashion-mnist"):
    """Articles of clothing, grey 28 × 28, 10 balanced classes."""

    publisher: ClassVar[str] = "https://github.com/zalandoresearch/fashion-mnist"
    licence: ClassVar[str] = "MIT"

    def load(self) -> Dataset:
        """Return Fashion-MNIST from its four idx files, packed (``.gz``) or not."""
        files = self.files

        def part(prefix: str) -> Samples:
            paths = []
            for name in (f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"):
                packed = f"{name}.gz"
                paths.append(files.get(Remote(packed, f"{_URL}/{packed}", _FILES[name]), name))
            return idx_samples(paths[0], paths[1], len(_CLASSES))

        dataset = Dataset(files.dataset, part("train"), part("t10k"), _CLASSES)
        return check_shape(dataset, (1, 28, 28), files.home)
