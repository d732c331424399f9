"""Any NumPy ``.npz`` file of samples and labels.

Array names: samples are called ``x``, ``images``, ``image``, ``data`` or ``features``, and labels ``y``,
``labels``, ``label`` or ``targets``, alone or with the part before or behind (``train_x``, ``x_train``,
``test_images`` ...). A bare name belongs to the training pool. ``class_names`` or ``classes`` names the
classes. Every other one-dimensional array of a part's length is a column of it (``train_writer``, ``site``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.data.classes import flat
from astraea.data.dataset import Dataset, Samples
from astraea.data.formats import read_npz, reading
from astraea.data.loaders.arrays import from_arrays
from astraea.data.loaders.base import Described, OwnFiles
from astraea.data.loaders.folder import VALIDATION
from astraea.errors import InputError

__all__ = ["Npz", "Part", "named_classes", "read", "read_part"]

_SAMPLES = ("x", "images", "image", "data", "features")
_LABELS = ("y", "labels", "label", "targets", "target")
_CLASSES = ("class_names", "classes", "target_names")

Arrays = Mapping[str, NDArray[np.generic]]


class Part(NamedTuple):
    """One part of an ``.npz`` file: samples (n, ...), labels (n,) and columns (n,), as they lie in it."""

    x: NDArray[np.generic]
    y: NDArray[np.generic]
    columns: Mapping[str, NDArray[np.generic]]


def read_part(arrays: Arrays, part: str, samples: str | None = None, labels: str | None = None) -> Part | None:
    """Return the ``part`` ("train", "test", ...) of ``arrays``, or ``None`` if it has no samples.

    ``samples`` and ``labels`` name the arrays where their names are not among the known ones.
    Raises ``ValueError`` if the part has samples but no labels.
    """
    members = {name: array for key, array in arrays.items() if (name := _within(part, key))}
    x = _first(members, (samples,) if samples else _SAMPLES)
    y = _first(members, (labels,) if labels else _LABELS)
    if x is None:
        return None
    if y is None:
        raise InputError(f"it has {part} samples '{x}' but no labels: its arrays are {', '.join(arrays)}")
    columns = {
        name: array
        for name, array in members.items()
        if name not in (x, y, *_CLASSES) and array.shape == (len(members[x]),)
    }
    return Part(members[x], members[y], columns)


def named_classes(arrays: Arrays) -> list[str] | None:
    """Return the names of the classes, if ``arrays`` holds them."""
    key = _first(arrays, _CLASSES)
    return None if key is None else [str(name) for name in arrays[key]]


def read(path: Path, name: str, samples: str | None = None, labels: str | None = None, **said: Any) -> Dataset:
    """Return the training pool and, if there is one, the test set of an ``.npz`` file.

    ``said`` is what :func:`~astraea.data.loaders.arrays.from_arrays` takes of layout, scale, kind and noise.
    Raises :class:`~astraea.errors.DataError` if the file is damaged or does not hold a dataset.
    """
    arrays = read_npz(path)
    with reading(path):
        return from_members(arrays, name, samples, labels, **said)


def from_members(
    arrays: Mapping[str, Any], name: str, samples: str | None = None, labels: str | None = None, **said: Any
) -> Dataset:
    """Return the dataset of arrays by name, as :func:`read` has them. Raises :class:`InputError` if they hold none."""
    arrays = {key: np.asarray(array) for key, array in arrays.items()}
    train = read_part(arrays, "train", samples, labels)
    test = read_part(arrays, "test", samples, labels)
    if train is None:
        wanted = samples or "' or '".join(_SAMPLES)
        raise InputError(f"it has no training samples called '{wanted}': its arrays are {', '.join(arrays)}")
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
    return replace(dataset, notes=(*dataset.notes, *left))


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
    several: bool | None = Field(
        None,
        description="Whether labels (n, N) of 0 and 1 are any number a sample; by default if a row has two ones.",
    )

    def load(self) -> Dataset:
        """Return the dataset of the file at ``path``; see the module for the names of its arrays."""
        path = self.files.given(self.path)
        dataset = read(path, self.name, self.image_column, self.label_column, several=self.several, **self.said)
        named = {"test": self.test_path, "validation": self.validation_path}
        parts: dict[str, Any] = {
            part: self._samples(dataset, self.files.given(own), part) for part, own in named.items() if own
        }
        return replace(dataset, **parts)

    def _samples(self, dataset: Dataset, path: Path, part: str) -> Samples:
        """Return the samples of a file of their own, whatever its arrays call them."""
        arrays = read_npz(path)
        with reading(path):
            for name in (*(VALIDATION if part == "validation" else [part]), "train"):
                if found := read_part(arrays, name, self.image_column, self.label_column):
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
    return next((name for name in names if name in arrays), None)
