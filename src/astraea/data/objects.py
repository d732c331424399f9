"""Data in the objects that people have: arrays in pairs, datasets of PyTorch and Hugging Face, data frames."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from astraea.data.dataset import Dataset
from astraea.data.loaders import table
from astraea.data.loaders.arrays import from_arrays
from astraea.data.loaders.huggingface import HuggingFace
from astraea.errors import InputError

__all__ = ["as_dataset", "is_data"]


def is_data(value: object) -> bool:
    """Whether ``value`` holds samples, rather than being a name or a table of settings."""
    if isinstance(value, (Dataset, tuple)):
        return True
    if isinstance(value, Mapping):
        return bool(value) and all(_is_rows(part) for part in value.values())
    return _is_rows(value) or _is_frame(value) or _is_indexed(value)


def as_dataset(value: Any) -> Dataset:
    """Return the dataset that ``value`` holds.

    * ``(x, y)`` or ``(x, y, test_x, test_y)``, arrays or tensors: as :func:`from_arrays` takes them.
    * A dataset of PyTorch, such as torchvision's ``ImageFolder``: samples and labels by index; ``classes`` names the
      classes. Pictures of Pillow are taken as they are decoded.
    * A ``Dataset`` or ``DatasetDict`` of Hugging Face: as dataset "huggingface" reads it.
    * A ``DataFrame`` whose label column is called label, target, class or y: as
      :func:`~astraea.data.loaders.table.from_frame` takes it.

    Raises :class:`InputError` for anything else, and as those do.
    """
    if isinstance(value, Dataset):
        return value
    if isinstance(value, tuple):
        if len(value) not in (2, 4):
            raise InputError(f"a tuple of {len(value)} is no dataset: give (x, y) or (x, y, test_x, test_y)")
        return from_arrays(*value)
    if isinstance(value, Mapping) and is_data(value):
        return HuggingFace(path="").of_splits(dict(value))
    if _is_rows(value):
        return HuggingFace(path="").of_splits({"train": value})
    if _is_frame(value):
        label = next((name for name in ("label", "target", "class", "y") if name in value.columns), None)
        if label is None:
            raise InputError(
                "the data frame has no column called label, target, class or y: name its label column, as in "
                "astraea.data.loaders.table.from_frame(frame, 'outcome')"
            )
        return table.from_frame(value, label)
    if _is_indexed(value):
        return _from_pairs(value)
    raise InputError(
        f"dataset= cannot be of type {type(value).__name__}: give (x, y), a dataset of PyTorch or Hugging Face, "
        "a DataFrame, or a Dataset as from_arrays makes it"
    )


def _from_pairs(pairs: Any) -> Dataset:
    """Return the dataset of an indexed collection of pairs of a sample and its label."""
    samples, labels = [], []
    for number in range(len(pairs)):
        item = pairs[number]
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise InputError(
                f"item {number} of the dataset is a {type(item).__name__}, not a pair of a sample and its label"
            )
        sample, label = item
        samples.append(np.asarray(sample.detach().cpu() if hasattr(sample, "detach") else sample))
        labels.append(label.item() if hasattr(label, "item") else label)
    if not samples:
        raise InputError("the dataset is empty: give at least one sample")
    if unlike := next((k for k, sample in enumerate(samples) if sample.shape != samples[0].shape), None):
        raise InputError(
            f"sample {unlike} of the dataset has shape {samples[unlike].shape}, those before it {samples[0].shape}: "
            "make them alike in its transform, by resizing pictures or padding sequences"
        )
    names = getattr(pairs, "classes", None)
    counted = names is not None and all(isinstance(label, int) and 0 <= label < len(names) for label in labels)
    return from_arrays(np.stack(samples), labels, class_names=names if counted else None, name=type(pairs).__name__)


def _is_rows(value: object) -> bool:
    """Whether ``value`` is a Dataset of Hugging Face; without importing its package."""
    module = sys.modules.get("datasets")
    return module is not None and isinstance(value, module.Dataset)


def _is_frame(value: object) -> bool:
    module = sys.modules.get("pandas")
    return module is not None and isinstance(value, module.DataFrame)


def _is_indexed(value: object) -> bool:
    other = isinstance(value, (str, bytes, Mapping, type, np.ndarray))
    return not other and hasattr(value, "__getitem__") and hasattr(value, "__len__") and not hasattr(value, "dtype")
