"""Samples with any number of labels: each counts in every class that it has, and goes by the rarest where one must do.

Copies of a sample are then those that its rarest label calls for, as the repeat factors of LVIS (Gupta et al., CVPR
2019) have it. Samples without any label are a class of their own, so that every client holds something that counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astraea.errors import InputError

__all__ = [
    "NONE",
    "are_sets",
    "known_sets",
    "rarest",
    "set_classes",
    "sets_of",
    "sets_with_note",
    "split_cells",
    "with_none",
]

NONE = "(none)"
"""The class of samples without a label; models have no output for it."""

Sets = NDArray[np.bool_]


def are_sets(labels: Any) -> bool:
    """Whether ``labels`` name several classes a sample: rows with two ones or more, or a collection for each sample."""
    if isinstance(labels, np.ndarray) and labels.dtype != object:
        rows = labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "biuf"
        return rows and bool(((labels == 0) | (labels == 1)).all() and (labels.sum(axis=1) > 1).any())
    if hasattr(labels, "shape") and not isinstance(labels, np.ndarray):
        return are_sets(np.asarray(labels))
    parts = list(labels) if isinstance(labels, Sequence | np.ndarray) else []
    if not any(isinstance(part, set | frozenset | list | tuple) for part in parts):
        return False
    named = all(isinstance(value, str) for part in parts if _is_collection(part) for value in part)
    if named or any(isinstance(part, set | frozenset) for part in parts):
        return True
    lengths = {len(part) for part in parts if _is_collection(part)}
    return len(lengths) == 1 and are_sets(np.asarray(parts))


def sets_of(labels: Any, names: Sequence[str] | None, part: str = "training") -> tuple[Sets, tuple[str, ...]]:
    """Return ``labels`` as ``(n, N)``, and the N names: rows of 0 and 1, or a collection of names for each sample.

    ``names`` are those of the columns, or in which collections are looked up; else they are numbers or what occurs.
    Raises :class:`InputError` for a label that is not among them.
    """
    array = np.asarray(labels) if not _ragged(labels) else None
    if array is not None and array.ndim == 2 and array.dtype.kind in "biuf":
        wide = array.shape[1]
        if not ((array == 0) | (array == 1)).all():
            raise InputError(f"{part} labels are rows of other numbers than 0 and 1: give each label a column of these")
        if names is not None and len(names) != wide:
            raise InputError(f"{part} labels have {wide} columns for {len(names)} class names: give one for each")
        return array.astype(np.bool_), tuple(map(str, range(wide) if names is None else names))
    parts = [{str(value) for value in one} if _is_collection(one) else {str(one)} for one in labels]
    known = tuple(map(str, names)) if names is not None else tuple(sorted(set().union(*parts)))
    place = {name: number for number, name in enumerate(known)}
    found = np.zeros((len(parts), len(known)), np.bool_)
    for row, one in enumerate(parts):
        for name in one:
            if name not in place:
                raise InputError(f"{part} label '{name}' in row {row} is none of the classes: {', '.join(known)}")
            found[row, place[name]] = True
    return found, known


def split_cells(cells: Iterable[Any], mark: str) -> list[set[str]]:
    """Return the labels in cells of text, which ``mark`` parts; an empty cell has none."""
    texts = ("" if cell is None or cell != cell else str(cell) for cell in cells)  # NaN is not itself
    return [{label.strip() for label in text.split(mark)} - {""} for text in texts]


def set_classes(parts: Iterable[Sets], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the classes: those of the labels, and :data:`NONE` if a sample of any part has none."""
    return (*names, NONE) if any((~part.any(axis=1)).any() for part in parts) else names


def sets_with_note(
    given: Sequence[Any], class_names: Sequence[str] | None
) -> tuple[list[Sets], tuple[str, ...], int, tuple[str, ...]]:
    """Return for each part, training first, its classes ``(n, C)``; their names, the number of labels, and a note."""
    first, labels = sets_of(given[0], class_names)
    if not len(first):
        raise InputError("there are no training samples: give at least one")
    parts = [first, *(sets_of(part, labels, "test")[0] for part in given[1:])]
    names = set_classes(parts, labels)
    without = int((~first.any(axis=1)).sum())
    note = (
        f"Samples have several labels, {first.sum() / len(first):.2f} of {len(labels)} on average, {without:,} have "
        "none: each counts in every class that it has, and divisions and copies go by the rarest of them."
    )
    return [with_none(part, len(names)) for part in parts], names, len(labels), (note,)


def known_sets(labels: Any, class_names: tuple[str, ...], part: str) -> Sets:
    """Return further labels as ``(n, C)``, by the classes of training.

    Raises :class:`InputError` for a label that is none of them, and for a sample without any if none was in training.
    """
    names = class_names[:-1] if class_names[-1] == NONE else class_names
    found = with_none(sets_of(labels, names, part)[0], len(class_names))
    if len(bare := np.flatnonzero(~found.any(axis=1))):
        raise InputError(f"row {bare[0]} of the {part} labels has none, and all of training have some: leave it out")
    return found


def with_none(sets: Sets, classes: int) -> Sets:
    """Return ``(n, classes)``: the labels, and for :data:`NONE`, if it is a class, the samples without any."""
    return sets if sets.shape[1] == classes else np.concatenate([sets, ~sets.any(axis=1, keepdims=True)], axis=1)


def rarest(members: Sets, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each row of ``members`` ``(n, C)`` its class that ``counts`` ``(C,)`` has least of."""
    found: NDArray[np.int64] = np.where(members, counts, np.iinfo(np.int64).max).argmin(axis=1)
    return found


def _is_collection(value: object) -> bool:
    return isinstance(value, set | frozenset | list | tuple | np.ndarray)


def _ragged(labels: Any) -> bool:
    if isinstance(labels, np.ndarray) and labels.dtype != object:
        return False
    parts = [part for part in labels if _is_collection(part)]
    return any(isinstance(part, set | frozenset) for part in parts) or len({len(part) for part in parts}) > 1
