"""Data in the objects that people have: arrays in pairs, datasets of PyTorch and Hugging Face, data frames."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from astraea.data.classes import flat
from astraea.data.dataset import OWNER, Dataset, Samples
from astraea.data.inputs import ArrayReader, TableReader
from astraea.data.items import items_of
from astraea.data.loaders import table
from astraea.data.loaders.arrays import from_arrays, together
from astraea.data.loaders.huggingface import HuggingFace
from astraea.data.loaders.npz import from_members
from astraea.data.several import as_array
from astraea.errors import DataError, InputError

__all__ = ["as_dataset", "is_data", "mend", "with_parts"]

_LABELS = ("label", "target", "class", "y")


def is_data(value: object) -> bool:
    """Whether ``value`` holds samples, rather than being a name or a table of settings."""
    if isinstance(value, (Dataset, tuple)):
        return True
    if isinstance(value, Mapping):
        return _is_arrays(value) or _is_parts(value) or (bool(value) and all(_is_rows(part) for part in value.values()))
    return _is_rows(value) or _is_frame(value) or hasattr(value, "to_pandas") or _is_indexed(value)


def as_dataset(value: Any) -> Dataset:
    """Return the dataset that ``value`` holds.

    * ``(x, y)``, ``(x, y, test_x, test_y)`` or ``((x, y), (test_x, test_y))``, arrays or tensors: as
      :func:`from_arrays` takes them; with ``x`` a ``DataFrame``, as a table. A tuple of arrays for ``x`` is several
      inputs.
    * A mapping of pairs ``(x, y)``: the parts "train" and "test", perhaps "validation", or else what each client has.
    * A mapping of arrays, named as in an ``.npz`` file (``x_train``, ``y_train``) or as scikit-learn does.
    * A dataset of PyTorch, such as torchvision's ``ImageFolder``: pairs or mappings by index, see
      :func:`~astraea.data.items.items_of`; ``classes`` names the classes. Pictures of Pillow are taken as they are
      decoded.
    * A ``Dataset`` or ``DatasetDict`` of Hugging Face: as dataset "huggingface" reads it.
    * A ``DataFrame`` whose label column is called label, target, class or y: as
      :func:`~astraea.data.loaders.table.from_frame` takes it.

    Raises :class:`InputError` for anything else, and as those do.
    """
    if isinstance(value, Dataset):
        return value
    if isinstance(value, tuple):
        if len(value) == 2 and all(isinstance(part, tuple) and len(part) == 2 for part in value):
            value = (*value[0], *value[1])  # (x, y), (test_x, test_y), as Keras has it
        if len(value) == 2 and _is_frame(value[0]) and not _is_frame(value[1]):
            return _from_frame_and_labels(*value)
        if len(value) not in (2, 4):
            raise InputError(f"a tuple of {len(value)} is no dataset: give (x, y) or (x, y, test_x, test_y)")
        return from_arrays(*value)
    if isinstance(value, Mapping) and _is_parts(value):
        return _of_parts(value)
    if isinstance(value, Mapping) and _is_arrays(value):
        return from_members(value, "arrays")
    if isinstance(value, Mapping) and is_data(value):
        return HuggingFace(path="").of_splits(dict(value))
    if _is_rows(value):
        return HuggingFace(path="").of_splits({"train": value})
    if not _is_frame(value) and hasattr(value, "to_pandas"):  # a table of Polars or Arrow
        value = value.to_pandas()
    if _is_frame(value):
        label = next((name for name in _LABELS if name in map(str, value.columns)), None)
        if label is None:
            raise InputError(
                "the data frame has no column called label, target, class or y: name its label column, as in "
                "astraea.data.loaders.table.from_frame(frame, 'outcome')"
            )
        return table.from_frame(value, label)
    if _is_indexed(value):
        found, names = items_of(value), getattr(value, "classes", None)
        labels = found.labels
        counted = names is not None and all(isinstance(label, int) and 0 <= label < len(names) for label in labels)
        called, kept = type(value).__name__, found.columns
        try:
            dataset = from_arrays(found.x, labels, columns=kept, class_names=names if counted else None, name=called)
        except (DataError, InputError):
            if all(map(_is_pair, value)):
                raise InputError(
                    "dataset= is a list of pairs (x, y), perhaps one for each client: give a mapping of the clients' "
                    "names, such as {'north': (x, y), 'south': (x, y)}"
                ) from None
            raise
        return replace(dataset, notes=(*dataset.notes, *found.notes))
    raise InputError(f"dataset= cannot be of type {type(value).__name__}: {mend(value)}")


def mend(value: Any) -> str:
    """Return what to give in place of a ``value`` that is no dataset."""
    if hasattr(value, "dataset") and hasattr(value, "batch_size"):
        return "give what it loads from, its .dataset"
    if hasattr(value, "__iter__") and not hasattr(value, "__len__"):
        return "nobody knows where it ends, so give a list of (sample, label) or a dataset with a length"
    return "give (x, y), a dataset of PyTorch or Hugging Face, a DataFrame, or a Dataset as from_arrays makes it"


def _of_parts(value: Mapping[Any, Any]) -> Dataset:
    """Return the dataset of pairs ``(x, y)`` by the part of the data that they are, or by their client."""
    pairs = {str(name): pair for name, pair in value.items()}
    if "train" in pairs and pairs.keys() <= {"train", "test", "validation"}:
        return with_parts(from_arrays(*pairs["train"]), pairs.get("test"), pairs.get("validation"))
    if _is_frame(next(iter(pairs.values()))[0]):
        raise InputError("clients with data frames of their own: give one frame with a column that names the client")
    x = np.concatenate([as_array(own, f"'{name}'") for name, (own, _) in pairs.items()])
    y = np.concatenate([flat(own, f"labels of '{name}'") for name, (_, own) in pairs.items()])
    owners = np.repeat(list(pairs), [len(own) for _, own in pairs.values()])
    return replace(from_arrays(x, y, columns={OWNER: owners}), site_column=OWNER)


def _from_frame_and_labels(frame: Any, labels: Any) -> Dataset:
    """Return the dataset of features in a data frame and labels apart."""
    name = next(name for name in (getattr(labels, "name", None), *_LABELS) if name and name not in frame.columns)
    if len(labels) != len(frame):
        raise InputError(f"{len(frame)} samples but {len(labels)} labels: each sample needs one label")
    return table.from_frame(frame.assign(**{str(name): np.asarray(labels)}), str(name))


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
        found = items_of(value)
        return reader.samples(found.x, found.labels, found.columns, part)
    raise InputError(
        f"{part}= cannot be of type {type(value).__name__}: give (x, y), a dataset of PyTorch or Hugging Face, or for "
        "tables a DataFrame; or a mapping of the clients' names to such"
    )


def _is_parts(value: Mapping[Any, Any]) -> bool:
    """Whether a mapping holds pairs of samples and labels."""
    return bool(value) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value.values())


def _is_arrays(value: Mapping[Any, Any]) -> bool:
    """Whether a mapping holds arrays of samples and labels, as a file of NumPy does."""
    arrays = [part for part in value.values() if getattr(part, "ndim", 0) or isinstance(part, list)]
    return len(arrays) > 1 and any(
        getattr(part, "ndim", 0) > 1
        or (isinstance(part, list) and part and isinstance(part[0], list | tuple | np.ndarray))
        for part in arrays
    )


def _is_pair(item: object) -> bool:
    """Whether an item is many samples with a label each."""
    if not (isinstance(item, tuple) and len(item) == 2):
        return False
    return np.ndim(item[0]) >= 1 and np.ndim(item[1]) == 1 and len(item[0]) == len(item[1]) > 1


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
