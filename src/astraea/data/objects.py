"""Data in the objects that people have: arrays in pairs, datasets of PyTorch and Hugging Face, data frames."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astraea.data.dataset import OWNER, Dataset, Samples
from astraea.data.inputs import ArrayReader, TableReader
from astraea.data.loaders import table
from astraea.data.loaders.arrays import from_arrays, together
from astraea.data.loaders.huggingface import HuggingFace
from astraea.errors import InputError

__all__ = ["as_dataset", "is_data", "with_parts"]


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
        samples, labels = _pairs(value)
        names = getattr(value, "classes", None)
        counted = names is not None and all(isinstance(label, int) and 0 <= label < len(names) for label in labels)
        return from_arrays(samples, labels, class_names=names if counted else None, name=type(value).__name__)
    raise InputError(
        f"dataset= cannot be of type {type(value).__name__}: give (x, y), a dataset of PyTorch or Hugging Face, "
        "a DataFrame, or a Dataset as from_arrays makes it"
    )


def with_parts(dataset: Dataset, test: Any = None, validation: Any = None) -> Dataset:
    """Return the dataset with a test or validation set of the caller's own, read as the training samples were.

    Each is anything that :func:`as_dataset` takes for training samples, ``Samples``, or a mapping from the names of
    clients to those. Raises :class:`InputError` for samples or labels unlike those of training.
    """
    given = {name: value for name, value in (("test", test), ("validation", validation)) if value is not None}
    parts: dict[str, Any] = {name: _part(dataset, value, name) for name, value in given.items()}
    return replace(dataset, **parts)


def _part(dataset: Dataset, value: Any, part: str) -> Samples:
    reader = dataset.reader or ArrayReader(form=dataset.train.form, class_names=dataset.class_names)
    if isinstance(value, Mapping) and not (value and all(map(_is_rows, value.values()))):
        if not value:
            raise InputError(f"{part}= holds no client: give each its samples, or leave it out")
        parts = {str(name): _part(dataset, own, f"{part} of '{name}'") for name, own in value.items()}
        owners = np.repeat(list(parts), [len(own) for own in parts.values()])
        return replace(together(list(parts.values())), columns={OWNER: owners})
    if isinstance(value, Samples):
        return value
    if isinstance(value, Dataset):
        if value.class_names != dataset.class_names:
            raise InputError(f"{part}= has the classes {value.class_names}, not {dataset.class_names}: give its arrays")
        return value.train
    if isinstance(reader, TableReader):
        return reader.samples(value, part)
    if isinstance(value, tuple) and len(value) == 2:
        return reader.samples(*value, part=part)
    if _is_rows(value):
        x, y, columns = HuggingFace(path="").arrays(value)
        return reader.samples(x, y, columns, part)
    if _is_indexed(value):
        return reader.samples(*_pairs(value), part=part)
    raise InputError(
        f"{part}= cannot be of type {type(value).__name__}: give (x, y), a dataset of PyTorch or Hugging Face, or for "
        "tables a DataFrame; or a mapping of the clients' names to such"
    )


def _pairs(pairs: Any) -> tuple[NDArray[np.generic], list[Any]]:
    """Return samples and labels of an indexed collection of pairs."""
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
    return np.stack(samples), labels


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
