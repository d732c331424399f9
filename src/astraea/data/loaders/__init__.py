"""One loader for each dataset, and arrays."""

from __future__ import annotations

from astraea.data.loaders.base import Loader
from astraea.data.loaders.cifar10 import Cifar10
from astraea.data.loaders.cinic10 import Cinic10
from astraea.data.loaders.devanagari import Devanagari
from astraea.data.loaders.digits import Digits
from astraea.data.loaders.emnist import Emnist
from astraea.data.loaders.fashion_mnist import FashionMnist
from astraea.data.loaders.femnist import Femnist
from astraea.data.loaders.folder import ImageFolder
from astraea.data.loaders.huggingface import HuggingFace
from astraea.data.loaders.npz import Npz
from astraea.data.loaders.table import Table
from astraea.data.loaders.uci_har import UciHar

__all__ = [
    "Cifar10",
    "Cinic10",
    "Devanagari",
    "Digits",
    "Emnist",
    "FashionMnist",
    "Femnist",
    "HuggingFace",
    "ImageFolder",
    "Loader",
    "Npz",
    "Table",
    "UciHar",
]
