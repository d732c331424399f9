"""Any NumPy ``.npz`` file of samples and labels.

Array names: samples are called ``x``, ``images``, ``image``, ``data`` or ``features``, and labels ``y``,
``labels``, ``label`` or ``targets``, alone or with the part before or behind (``train_x``, ``x_train``,
``test_images`` ...), in capitals or not. A bare name belongs to the training pool. Where no array has such a name, all
arrays with two axes or more are samples: several are inputs by name (``input_ids``, ``attention_mask``).
Sequences of different lengths lie end to end in one array, ``x``, beside their lengths, ``x_lengths``.
``class_names`` or ``classes`` names the classes. Every other one-dimensional array of a part's length is a column of it
(``train_writer``, ``site``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.data.classes import flat
from astraea.data.dataset import Dataset, Samples
from astraea.data.file_kinds import mend_for
from astraea.data.formats import read_npz, reading
from astraea.data.loaders.arrays import from_arrays
from astraea.data.loaders.base import Described, OwnFiles
from astraea.data.packing import is_ragged
from astraea.data.picture_folders import VALIDATION
from astraea.data.regression import BINS, TASK, Task
from astraea.errors import DataError, InputError

__all__ = ["Npz", "Part", "named_classes", "read", "read_part"]

_SAMPLES = ("x", "images", "image", "data", "features")
_LABELS = ("y", "labels", "label", "targets", "target")
_CLASSES = ("class_names", "classes", "target_names")

Arrays = Mapping[str, NDArray[np.generic]]


class Part(NamedTuple):
    """One part of an ``.npz`` file: samples (n, ...) or several inputs by name, labels (n,) and columns (n,).

    ``left`` are the names of arrays that are as long as the samples, and neither these nor columns.
    """

    x: NDArray[np.generic] | Arrays
    y: NDArray[np.generic]
    columns: Arrays
    left: tuple[str, ...] = ()


def read_part(
    arrays: Arrays, part: str, samples: str | None = None, labels: str | None = None, inputs: Sequence[str] = ()
) -> Part | None:
    """Return the ``part`` ("train", "test", ...) of ``arrays``, or ``None`` if it has no samples.

    ``samples`` and ``labels`` name the arrays where their names are not among the known ones; ``inputs`` names several
    inputs. Raises :class:`InputError` if the part has samples but no labels.
    """
    members = {name: array for key, array in arrays.items() if (name := _within(part, key))}
    y = _first(members, (labels,) if labels else _LABELS)
    chosen = _chosen(members, samples, y, inputs)
    if not chosen:
        return None
    if y is None:
        raise InputError(
            f"it has {part} samples '{chosen[0]}' but no labels: its arrays are {', '.join(arrays)}; set "
            "data.label_column to one of them"
        )
    count = len(members[chosen[0]])
    rest = {name: array for name, array in members.items() if name not in (*chosen, y, *_CLASSES) and array.ndim}
    columns = {name: array for name, array in rest.items() if array.shape == (count,)}
    left = tuple(name for name, array in rest.items() if array.ndim > 1 and len(array) == count)
    single = len(chosen) == 1 and not inputs
    return Part(members[chosen[0]] if single else {name: members[name] for name in chosen}, members[y], columns, left)


def _chosen(members: Arrays, samples: str | None, y: str | None, inputs: Sequence[str]) -> list[str]:
    """Return the names of the arrays that are samples: those said, else the usual one, else all with rows."""
    if inputs:
        if members and (gone := next((name for name in inputs if name not in members), None)):
            raise InputError(f"it has no input '{gone}' (data.inputs): its arrays are {', '.join(members)}")
        return list(inputs) if members else []
    if usual := _first(members, (samples,) if samples else _SAMPLES):
        return [usual]
    if samples or y is None:
        return []
    return [
        name
        for name, array in members.items()
        if name not in (y, *_CLASSES) and (array.ndim > 1 or is_ragged(array)) and len(array) == len(members[y])
    ]


def named_classes(arrays: Arrays) -> list[str] | None:
    """Return the names of the classes, if ``arrays`` holds them."""
    key = _first(arrays, _CLASSES)
    return None if key is None else [str(name) for name in arrays[key]]


def read(
    path: Path,
    name: str,
    samples: str | None = None,
    labels: str | None = None,
    inputs: Sequence[str] = (),
    **said: Any,
) -> Dataset:
    """Return the training pool and, if there is one, the test set of an ``.npz`` file.

    ``said`` is what :func:`~astraea.data.loaders.arrays.from_arrays` takes of layout, scale, kind and noise.
    Raises :class:`~astraea.errors.DataError` if the file is damaged or does not hold a dataset.
    """
    with reading(path):
        if path.is_file() and (mend := mend_for(path, "npz")):
            raise DataError(f"{path} is {mend}")
    arrays = read_npz(path)
    with reading(path):
        return from_members(arrays, name, samples, labels, inputs, **said)


def from_members(
    arrays: Mapping[str, Any],
    name: str,
    samples: str | None = None,
    labels: str | None = None,
    inputs: Sequence[str] = (),
    **said: Any,
) -> Dataset:
    """Return the dataset of arrays by name, as :func:`read` has them. Raises :class:`InputError` if they hold none."""
    arrays = _of_lengths(arrays)
    arrays = {key: _of_lists(array) if is_ragged(array) else np.asarray(array) for key, array in arrays.items()}
    train = read_part(arrays, "train", samples, labels, inputs)
    test = read_part(arrays, "test", samples, labels, inputs)
    if train is None:
        wanted = samples or "' or '".join(_SAMPLES)
        raise InputError(
            f"it has no training samples called '{wanted}': its arrays are {', '.join(arrays)}; set data.image_column "
            "and data.label_column to two of them"
        )
    dataset = from_arrays(
        train.x,
        train.y,
        test.x if test else None,
        test.y if test else None,
        columns=train.columns,
        test_columns=test.columns if test else None,
        class_names=named_classes(arrays),
        name=name,
        **said,
    )
    unused = [part for part in VALIDATION if any(_within(part, key) for key in arrays)]
    left = tuple(f"Left out: the part '{part}'; data.validation_path names a file to validate on." for part in unused)
    if train.left:
        which = ", ".join(train.left)
        left = (f"Left out: the arrays {which}; data.inputs names all that a model is to get.", *left)
    return replace(dataset, notes=(*dataset.notes, *left))


def _of_lengths(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return arrays of which those that lie end to end, beside their lengths as ``NAME_lengths``, are lists."""
    found = dict(arrays)
    for key in [key for key in arrays if f"{key}_lengths" in arrays]:
        values, lengths = np.asarray(arrays[key]), np.asarray(arrays[f"{key}_lengths"])
        if values.ndim != 1:
            continue  # rows that were padded already
        if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or lengths.sum() != len(values):
            raise InputError(
                f"'{key}_lengths' must be whole numbers whose sum is the length of '{key}', {len(values):,}"
            )
        del found[f"{key}_lengths"]
        found[key] = np.split(values, np.cumsum(lengths)[:-1])
    return found


def _of_lists(rows: Sequence[Any]) -> NDArray[np.object_]:
    """Return lists of different lengths as an array of them."""
    found: NDArray[np.object_] = np.empty(len(rows), object)
    found[:] = [np.asarray(row) for row in rows]
    return found


def further(dataset: Dataset, found: Part, part: str) -> Samples:
    """Return a part of a file as samples like those of training."""
    columns = {name: flat(column, f"values of column '{name}'") for name, column in found.columns.items()}
    samples: Samples = dataset.reader.samples(found.x, found.y, columns, part)
    return samples


class Npz(Described, OwnFiles, name="npz"):
    """Any NumPy .npz file of samples, labels and columns."""

    publisher: ClassVar[str] = "https://numpy.org/doc/stable/reference/generated/numpy.savez.html"
    licence: ClassVar[str] = "yours"

    image_column: str | None = Field(None, description="Name of the samples.")
    label_column: str | None = Field(None, description="Name of the labels.")
    inputs: tuple[str, ...] = Field((), description="Names of several inputs of a sample, such as ids and a mask.")
    task: Task = Field("auto", description=TASK)
    bins: int = Field(BINS, ge=2, description="Quantile bins of a regression, which are what is balanced.")
    several: bool | None = Field(
        None,
        description="Whether labels (n, N) of 0 and 1 are any number a sample; by default if a row has two ones.",
    )

    def load(self) -> Dataset:
        """Return the dataset of the file at ``path``; see the module for the names of its arrays."""
        path = self.files.given(self.path)
        said = {"several": self.several, "task": self.task, "bins": self.bins, **self.said}
        dataset = read(path, self.name, self.image_column, self.label_column, self.inputs, **said)
        named = {"test": self.test_path, "validation": self.validation_path}
        parts: dict[str, Any] = {
            part: self._samples(dataset, self.files.given(own), part) for part, own in named.items() if own
        }
        notes = tuple(note for note in dataset.notes if "validation" not in parts or "data.validation_path" not in note)
        return replace(dataset, **parts, notes=notes)

    def _samples(self, dataset: Dataset, path: Path, part: str) -> Samples:
        """Return the samples of a file of their own, whatever its arrays call them."""
        arrays = read_npz(path)
        with reading(path):
            for name in (*(VALIDATION if part == "validation" else [part]), "train"):
                if found := read_part(arrays, name, self.image_column, self.label_column, self.inputs):
                    return further(dataset, found, part)
            raise InputError(f"it has no samples called '{_SAMPLES[0]}': its arrays are {', '.join(arrays)}")


def _within(part: str, key: str) -> str | None:
    """Return the name of array ``key`` within ``part``, or ``None`` if it belongs to another part."""
    if key.startswith(f"{part}_"):
        return key.removeprefix(f"{part}_")
    if key.endswith(f"_{part}"):
        return key.removesuffix(f"_{part}")
    others = ("train", "val", "valid", "validation", "test", "extra_test")
    foreign = any(key.startswith(f"{other}_") or key.endswith(f"_{other}") for other in others)
    return key if part == "train" and not foreign else None


def _first(arrays: Arrays, names: tuple[str, ...]) -> str | None:
    lower = {name.lower(): name for name in arrays}
    return next((found for name in names if (found := name if name in arrays else lower.get(name.lower()))), None)
