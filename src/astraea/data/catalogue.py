"""Datasets by name: one way in, :func:`load_dataset`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from astraea.data.dataset import Dataset
from astraea.data.loaders import Loader
from astraea.errors import InputError

__all__ = ["dataset_names", "load_dataset"]


def dataset_names() -> list[str]:
    """Return the names of all datasets, those of installed packages included."""
    return sorted(Loader.known(), key=lambda name: name != Loader.default)


def load_dataset(data: str | Mapping[str, Any] | Loader = Loader.default, **options: Any) -> Dataset:
    """Return a dataset by name with ``options``, or by settings alone.

    ``load_dataset("emnist", split="letters")``, ``load_dataset({"name": "emnist", "split": "letters"})`` and
    ``load_dataset(Emnist(split="letters"))`` are the same.

    Raises :class:`InputError` for an unknown name or option, and :class:`~astraea.errors.DataError` for a file that
    is missing or corrupt.
    """
    if options and isinstance(data, Loader):
        raise InputError(f"'{min(options)}' beside settings: put it into the {type(data).__name__}")
    return Loader.of(data, **options).load()
