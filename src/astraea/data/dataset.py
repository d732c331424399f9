"""What every loader returns: samples with labels, and the columns by which they can be divided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astraea.data.form import Form, conventional
from astraea.data.regression import Regression
from astraea.errors import InputError

__all__ = ["OWNER", "Dataset", "Samples"]


OWNER = "(client)"
"""The column that names the client of each sample of test sets that were brought for each client."""


@dataclass(frozen=True)
class Samples:
    """Labelled samples, row by row.

    ``x`` has shape ``(n, *sample)``, laid out as models take it: images ``(n, C, H, W)``, sequences
    ``(n, channels, time)``, vectors ``(n, features)``; ``described`` says what it is, and is otherwise taken from
    its dtype and axes. ``targets`` ``(n,)`` are the numbers to be predicted in a regression; ``y`` holds their bins.
    ``y`` has shape ``(n,)``, integers from 0. ``columns`` holds further facts of each
    sample, shape ``(n,)`` each, such as who wrote it: natural ways to divide the data among clients. Where samples have
    several labels, ``sets`` ``(n, C)`` says in which of the C classes each counts, and ``y`` holds the rarest of these.

    Raises :class:`InputError` if the lengths differ, or if labels are negative or not integers.
    """

    x: NDArray[np.generic]
    y: NDArray[np.int64]
    columns: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    described: Form | None = None
    targets: NDArray[np.float64] | None = None
    sets: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if not np.issubdtype(self.y.dtype, np.integer):
            raise InputError(f"labels must be integers from 0, got {self.y.dtype}: map class names to numbers")
        if self.y.ndim != 1 or len(self.x) != len(self.y):
            raise InputError(f"{len(self.x)} samples but labels of shape {self.y.shape}: each sample needs one label")
        if len(self.y) and self.y.min() < 0:
            raise InputError(f"label {self.y.min()} is below 0: labels count from 0 to classes - 1")
        for name, column in self.columns.items():
            if column.shape != self.y.shape:
                raise InputError(
                    f"column '{name}' has shape {column.shape}, the labels {self.y.shape}: give each sample one value"
                )
        object.__setattr__(self, "y", self.y.astype(np.int64, copy=False))

    def __len__(self) -> int:
        return len(self.y)

    @property
    def form(self) -> Form:
        """What the samples are."""
        return self.described or conventional(self.x.dtype, self.x.shape)

    def take(self, rows: NDArray[np.integer]) -> Samples:
        """Return the samples at ``rows``, in that order."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        targets = None if self.targets is None else self.targets[rows]
        sets = None if self.sets is None else self.sets[rows]
        return Samples(self.x[rows], self.y[rows], columns, self.described, targets, sets)

    def holding(self, x: NDArray[np.generic]) -> Samples:
        """Return the samples with other values ``x`` of the same shape."""
        return replace(self, x=x)

    def counts(self, classes: int) -> NDArray[np.int64]:
        """Return how many samples each class has, shape ``(classes,)``; one of several labels counts in each."""
        if self.sets is not None:
            found: NDArray[np.int64] = self.sets.sum(axis=0, dtype=np.int64)
            return found
        return np.bincount(self.y, minlength=classes)


@dataclass(frozen=True)
class Dataset:
    """A named set of samples: a training pool, and a test set unless the user brings none.

    ``notes`` say, a sentence each, what was made of data that could have been read otherwise. ``standardised``
    ``(features,)`` marks features that a scenario brings to one scale from sums over its clients, filling missing
    values; ``None`` where there is nothing to do. ``site_column`` names the column whose values are the
    clients. ``outputs`` are those of a model, where they are not one a class. ``regression`` cuts and scales the
    targets, where there are any. ``validation`` are samples that the user holds out. ``reader`` reads further samples
    like those of training (:mod:`astraea.data.inputs`).
    Raises :class:`InputError` if a label has no class name or train and test samples differ in shape.
    """

    name: str
    train: Samples
    test: Samples | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    standardised: NDArray[np.bool_] | None = None
    site_column: str | None = None
    regression: Regression | None = None
    validation: Samples | None = None
    reader: Any = None
    outputs: int | None = None

    def __post_init__(self) -> None:
        parts = (("train", self.train), ("test", self.test), ("validation", self.validation))
        for part, samples in parts:
            if samples is not None and len(samples) and samples.y.max() >= self.classes:
                raise InputError(
                    f"{part} label {samples.y.max()} of '{self.name}' is out of range: "
                    f"it has {self.classes} classes, so labels go from 0 to {self.classes - 1}"
                )
        for part, samples in parts:
            if samples is not None and len(samples) and samples.x.shape[1:] != self.train.x.shape[1:]:
                raise InputError(
                    f"'{self.name}': training samples have shape {self.train.x.shape[1:]}, {part} samples "
                    f"{samples.x.shape[1:]}: both must be the same"
                )

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample."""
        return self.train.x.shape[1:]

    @property
    def is_image(self) -> bool:
        """Whether samples are images, channel first."""
        return self.train.form.kind == "image"
