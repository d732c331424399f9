"""Labels as users have them: names, numbers with gaps or one-hot rows, numbered from 0 with their names kept."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.errors import InputError

__all__ = ["flat", "number_classes", "number_known", "text"]

_LARGEST = 2**53


def flat(values: ArrayLike, what: str = "values") -> NDArray[np.generic]:
    """Return one value a sample, shape (n,): (n, 1) becomes (n,), and strings, also of bytes, become NumPy's in NFC.

    Raises :class:`InputError` for rows of unlike length or values of mixed type.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InputError(f"{what} differ in length from row to row: give one value a sample") from error
    if np.ma.is_masked(values):
        raise InputError(f"{what} are masked in part: leave those samples out, or fill them in")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8")
    if array.dtype.kind in "OT":
        kinds = {type(value) for value in array.flat}
        if all(issubclass(kind, str) for kind in kinds):
            array = array.astype(np.str_)
        elif all(issubclass(kind, (int, float, np.number, np.bool_)) for kind in kinds):
            array = np.array(array.tolist())
        elif len(missing := [row for row, value in enumerate(array.flat) if value is None]) and len(kinds) > 1:
            raise InputError(f"{len(missing)} {what} are None, first in row {missing[0]}: leave those samples out")
        else:
            raise InputError(
                f"{what} mix {' and '.join(sorted(kind.__name__ for kind in kinds))}: "
                "give numbers or strings, and one for each sample"
            )
    if array.dtype.kind == "U":
        unlike, places = np.unique(array, return_inverse=True)
        array = np.array([unicodedata.normalize("NFC", str(name)) for name in unlike])[places] if array.size else array
    return array


def text(values: NDArray[np.generic]) -> list[str]:
    """Return each value as a name that does not depend on its dtype: 3, 3.0 and "3" are all "3"."""
    if values.dtype.kind == "f":
        return [f"{value:.0f}" if np.isfinite(value) and value == np.floor(value) else str(value) for value in values]
    return [str(value) for value in values]


def number_classes(
    labels: Sequence[NDArray[np.generic]], names: Sequence[str] | None = None
) -> tuple[list[NDArray[np.generic]], tuple[str, ...], tuple[str, ...]]:
    """Return the labels of each part numbered from 0, the names of the classes, and what is to be noted.

    Labels are integers, bools, strings, or one-hot rows ``(n, N)``. Strings are numbered in the order of ``names``,
    else alphabetically; integers count into ``names``. Without names, or where there are as many names as distinct
    labels that do not count from 0, the distinct labels of all parts are numbered in ascending order.

    Raises :class:`InputError` for a string that is not among the names, and rows that are not one-hot.
    """
    parts = [_whole(_from_rows(part)) for part in labels]
    if names is None and labels[0].ndim == 2 and parts[0].ndim == 1:
        names = tuple(map(str, range(labels[0].shape[1])))
    if parts[0].dtype.kind == "U":
        known = tuple(map(str, names if names is not None else np.unique(np.concatenate(parts))))
        return [_placed(part, known) for part in parts], known, _all_but_the_same(known)
    if names is not None and parts[0].dtype.kind == "b":
        parts = [part.astype(np.int64) for part in parts]
    for part in parts:
        _check_kind(part)
    if not all(part.dtype.kind in "iub" for part in parts):
        return parts, tuple(map(str, names or ())), ()  # Samples says what is wrong with such labels
    found = np.unique(np.concatenate([part.ravel() for part in parts]))
    if names is not None and (len(names) != len(found) or int(found[-1]) < len(names)):
        return parts, tuple(map(str, names)), ()
    numbered = [np.searchsorted(found, part) for part in parts]
    known = tuple(map(str, names)) if names is not None else tuple(map(str, found.tolist()))
    if known == tuple(map(str, range(len(known)))):
        return list(numbered), known, ()
    if found.dtype.kind != "b" and found[0] < 0 and len(found) > 2:
        note = f"Label {found[0]} is a class like the others: leave its samples out if it stands for no label."
        return list(numbered), known, (note,)
    gaps = f"The {len(known)} distinct labels, {found[0]} to {found[-1]}, are numbered in order; their names are kept."
    return list(numbered), known, (gaps,)


def _all_but_the_same(names: Sequence[str]) -> tuple[str, ...]:
    """Note names that differ in capitals, spaces or marks between words only, which may be one class."""
    first: dict[str, str] = {}
    for name in names:
        plain = "".join(one for one in name.casefold() if one.isalnum())
        other = first.setdefault(plain or name, name)
        if other != name:
            return (f"'{other}' and '{name}' are two classes: write them alike if they are one.",)
    return ()


def number_known(labels: NDArray[np.generic], names: tuple[str, ...], part: str, *, counted: bool) -> NDArray[np.int64]:
    """Return further labels numbered as ``names`` are: one-hot rows, names, or, if ``counted``, numbers from 0.

    Raises :class:`InputError` for a label that is not among them.
    """
    given = _whole(_from_rows(labels))
    _check_kind(given)
    if counted and given.dtype.kind in "iub":
        numbers = given.astype(np.int64)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < len(names):
            odd = numbers.min() if numbers.min() < 0 else numbers.max()
            raise InputError(f"{part} label {odd} is none of the {len(names)} classes, which count from 0")
        return numbers
    found, inverse = np.unique(given, return_inverse=True)
    place = {name: number for number, name in enumerate(names)}
    called = text(found)
    if unknown := [name for name in called if name not in place]:
        raise InputError(f"{part} label '{unknown[0]}' is none of the classes: {', '.join(names)}")
    return np.array([place[name] for name in called], np.int64)[inverse]


def _whole(labels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return labels that were written as 1.0, 2.0 as integers; others as they are."""
    if labels.dtype.kind != "f" or labels.ndim != 1 or not np.isfinite(labels).all():
        return labels
    whole = bool((labels == np.floor(labels)).all()) and np.abs(labels).max(initial=0) < _LARGEST
    return labels.astype(np.int64) if whole else labels


def _check_kind(labels: NDArray[np.generic]) -> None:
    """Raise :class:`InputError` for labels that are numbers with a point."""
    if labels.dtype.kind != "f" or labels.ndim != 1:
        return
    if len(missing := np.flatnonzero(np.isnan(labels))):
        raise InputError(f"{len(missing)} labels are NaN, first in row {missing[0]}: leave those samples out")
    raise InputError(
        f"labels must be integers or names, got {labels.dtype}, such as {labels[labels != np.floor(labels)][0]}: give "
        "classes as y.astype(int), or set data.task (task=) to 'regression' to predict numbers"
    )


def _from_rows(labels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return labels (n,); rows (n, N) must be one-hot."""
    if labels.ndim != 2 or labels.shape[1] < 2 or labels.dtype.kind not in "biuf":
        return labels
    if not ((labels == 0) | (labels == 1)).all():
        raise InputError(
            f"labels of shape {labels.shape} are neither one a sample nor one-hot rows of 0 and 1: give one class, or "
            "in a regression one number, a sample"
        )
    ones = labels.sum(axis=1, dtype=np.int64)
    if (ones != 1).any():
        row = int(np.flatnonzero(ones != 1)[0])
        raise InputError(
            f"row {row} of the labels names {ones[row]} classes: give each sample exactly one, "
            "or say several=True if samples have any number of labels"
        )
    places: NDArray[np.int64] = labels.argmax(axis=1)
    return places


def _placed(labels: NDArray[np.generic], names: tuple[str, ...]) -> NDArray[np.int64]:
    """Return string labels as their places among ``names``."""
    if labels.dtype.kind != "U":
        raise InputError("the labels of one part are strings, those of the other numbers: give both alike")
    found, inverse = np.unique(labels, return_inverse=True)
    if unknown := sorted(set(found.tolist()) - set(names)):
        raise InputError(f"label '{unknown[0]}' is not among the class names: {', '.join(names)}")
    place = {name: number for number, name in enumerate(names)}
    return np.array([place[str(name)] for name in found], np.int64)[inverse]
