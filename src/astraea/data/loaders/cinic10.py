"""CINIC-10 (Darlow, Crowley, Antoniou and Storkey 2018, arXiv:1810.03505): CIFAR-10 made larger.

Read from the publisher's archive or its unpacked folders ``train``, ``valid`` and ``test``, 90,000 images
each. The URL is the publisher's; the checksum is one that several public loaders of CINIC-10 verify.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from astraea.data.dataset import Dataset
from astraea.data.files import Remote
from astraea.data.formats import check_shape
from astraea.data.images import read_tree
from astraea.data.loaders.base import Loader
from astraea.data.loaders.cifar10 import CLASSES

__all__ = ["Cinic10"]

_ARCHIVE = Remote(
    "CINIC-10.tar.gz",
    "https://datashare.ed.ac.uk/bitstream/handle/10283/3192/CINIC-10.tar.gz",
    "md5:6ee4d0c996905fe93221de577967a372",
)


class Cinic10(Loader, name="cinic10"):
    """CIFAR-10's classes from CIFAR-10 and ImageNet, colour 32 × 32, 10 balanced classes."""

    publisher: ClassVar[str] = "https://doi.org/10.7488/ds/2448"
    licence: ClassVar[str] = "CC BY 4.0"

    join_validation: bool = Field(True, description="Add the validation set to the training pool.")

    def load(self) -> Dataset:
        """Return CINIC-10, images (n, 3, 32, 32); the training pool is train + valid, or train alone."""
        files = self.files
        class_folder = files.find("CINIC-10/train/airplane", "train/airplane")
        source = class_folder.parent.parent if class_folder else files.get(_ARCHIVE)
        parts = {"train": "train", "test": "test"} | ({"valid": "train"} if self.join_validation else {})
        pools = read_tree(source, parts, CLASSES, "rgb")
        dataset = Dataset(files.dataset, pools["train"], pools["test"], CLASSES)
        return check_shape(dataset, (3, 32, 32), source)
