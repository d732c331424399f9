"""Any NumPy ``.npz`` file of samples and labels.

Array names: samples are called ``x``, ``images``, ``image``, ``data`` or ``features``, and labels ``y``,
``labels``, ``label`` or ``targets``, alone or with the part before or behind (``train_x``, ``x_train``,
``test_images`` ...). A bare name belongs to the training pool. ``class_names`` or ``classes`` names the
classes. Every other one-dimensional array of a part's length is a column of it (``train_writer``, ``site``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.data.dataset import Dataset
from astraea.data.formats import read_npz, reading
from astraea.data.loaders.arrays import from_arrays
from astraea.data.loaders.base import Loader
from astraea.errors import InputError

__all__ = ["Npz", "Part", "named_classes", "read", "read_part"]

_SAMPLES = ("x", "images", "image", "data", "features")
_LABELS = ("y", "labels", "label", "targets")
_CLASSES = ("class_names", "classes")

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
        train = read_part(arrays, "train", samples, labels)
        test = read_part(arrays, "test", samples, labels)
        if train is None:
            wanted = samples or "' or '".join(_SAMPLES)
            raise InputError(f"it has no training samples called '{wanted}': its arrays are {', '.join(arrays)}")
        return from_arrays(
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


class Npz(Loader, name="npz"):
    """Any NumPy .npz file of samples, labels and columns."""

    publisher: ClassVar[str] = "https://numpy.org/doc/stable/reference/generated/numpy.savez.html"
    licence: ClassVar[str] = "yours"

    path: str | Path = Field(description="The file.")
    image_column: str | None = Field(None, description="Name of the samples.")
    label_column: str | None = Field(None, description="Name of the labels.")

    layout: str | None = Field(
        None, description="Axes of a sample: HW, CHW, HWC, T, CT, TC, F, DHW, CDHW or DHWC; by default recognised."
    )
    scale: float | None = Field(None, gt=0, description="What values are divided by; by default recognised for images.")
    kind: str | None = Field(None, description="image, sequence, vector, codes or volume; by default recognised.")
    noise: bool | None = Field(
        None,
        description="Whether noise makes sense in copies of vectors and sequences; by default in all but features of "
        "whole numbers.",
    )

    def load(self) -> Dataset:
        """Return the dataset of the file at ``path``; see the module for the names of its arrays."""
        said = {"layout": self.layout, "scale": self.scale, "kind": self.kind, "noise": self.noise}
        return read(self.files.given(self.path), self.name, self.image_column, self.label_column, **said)


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
