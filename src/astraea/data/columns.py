"""Columns of a table as features: what each holds, and what becomes of it, the same for rows that come later."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from astraea.data.column_signs import NO_LABEL, check_numbers, check_text, holds_lists
from astraea.errors import InputError, unknown_name

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["Column", "Missing", "column_of", "complete", "empty_cell", "labelled", "named", "present", "whole_labels"]

Missing = Literal["refuse", "mean"]

_MOST_VALUES = 1000
_FEW = 4
_MOSTLY = 0.9


class Column(BaseModel):
    """A feature column: its kind, the values that its codes have, and what becomes of an empty cell."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Literal["numbers", "whole numbers", "codes"]
    known: tuple[str, ...]
    noisy: bool
    missing: Missing

    @property
    def steady(self) -> tuple[bool, ...]:
        """For each feature, whether copies repeat it unchanged."""
        if self.kind == "codes":
            return (True,) * len(self.known)
        return (self.kind == "whole numbers" and not self.noisy,)

    def values(self, frame: DataFrame, source: str) -> NDArray[np.float64]:
        """Return the features of the rows of ``frame``, shape ``(n, F)``, NaN for an empty cell of numbers."""
        if self.name not in frame.columns:
            raise unknown_name("column", self.name, frame.columns)
        column = frame[self.name]
        empty = column.isna().to_numpy()
        if empty.any() and self.missing == "refuse":
            raise empty_cell(self.name, empty, source)
        if self.kind != "codes":
            values = _numbers(column)
            if values is None:
                raise InputError(f"{source}column '{self.name}' holds numbers in training, but text in the test set")
            return values[:, None]
        # A value that training lacks is none of the known ones.
        flags: NDArray[np.bool_] = np.array(_texts(column))[:, None] == np.array(self.known)[None]
        return flags.astype(np.float64)


def column_of(column: Series[Any], *, declared: bool, noisy: bool, missing: Missing, source: str) -> Column:
    """Return what a column of the training table is; ``declared`` says that its numbers are codes.

    Raises :class:`InputError` for one that cannot be a feature.
    """
    name, empty = str(column.name), column.isna().to_numpy()
    if empty.any() and missing == "refuse":
        raise empty_cell(name, empty, source)
    if empty.all():
        raise InputError(f"{source}column '{name}' is empty: leave it out (data.leave_out)")
    if column.dtype.kind in "mM":
        raise InputError(
            f"{source}column '{name}' holds dates or times: make it a number, such as days since a date, or leave it "
            "out (data.leave_out)"
        )
    if held := holds_lists(column):
        raise InputError(
            f"{source}column '{name}' holds a {held} in each cell: give each value a column of its own, or read "
            "sequences with data.name = 'huggingface'"
        )
    values = None if declared else _numbers(column)
    if values is not None:
        if np.isinf(values).any():
            row = int(np.flatnonzero(np.isinf(values))[0])
            raise InputError(f"{source}column '{name}' is infinite in row {row + 1}: replace it, or leave the row out")
        check_numbers(name, values, source)
        known = values[~np.isnan(values)]
        # Whole numbers of a column with an empty cell are floats to pandas; those written with a point are fractions.
        whole = bool((known == np.floor(known)).all()) and (column.dtype.kind != "f" or bool(empty.any()))
        return Column(name=name, kind="whole numbers" if whole else "numbers", known=(), noisy=noisy, missing=missing)
    found = tuple(sorted(set(_texts(column))))
    if not declared and (odd := _odd_one(column)):
        raise InputError(
            f"{source}column '{name}' holds numbers, but '{odd[1]}' in row {odd[0] + 1}: mend it, or name the column "
            "in data.codes if its values are codes"
        )
    if not declared and column.dtype.kind == "O":
        check_text(name, [str(value) for value in column.dropna()], source)
    if len(found) > _MOST_VALUES or (len(found) > max(_FEW, 0.5 * len(column)) and len(column) > 2 * _FEW):
        raise InputError(
            f"{source}column '{name}' is text with {len(found):,} different values in {len(column):,} rows, "
            f"such as '{found[0]}': leave it out (data.leave_out), or make it a number"
        )
    return Column(name=name, kind="codes", known=found, noisy=noisy, missing=missing)


def _numbers(column: Series[Any]) -> NDArray[np.float64] | None:
    """Return a column as numbers, NaN for an empty cell; ``None`` if it holds anything else."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    if is_bool_dtype(column) or not is_numeric_dtype(column):
        return None
    values: NDArray[np.float64] = column.to_numpy(np.float64, na_value=np.nan)
    return values


def _odd_one(column: Series[Any]) -> tuple[int, str] | None:
    """Return the row and the text of the first cell that is no number, where nine in ten are."""
    import pandas

    known = column.dropna()
    if known.dtype.kind == "b" or known.map(type).isin([bool, np.bool_]).any():
        return None
    text = known.astype(str)
    numbers = pandas.to_numeric(text, errors="coerce").notna().to_numpy() & ~text.str.fullmatch(r"0\d+").to_numpy(bool)
    if numbers.all() or numbers.mean() < _MOSTLY:
        return None
    place = int(np.flatnonzero(~numbers)[0])
    return int(np.flatnonzero(column.notna().to_numpy())[place]), str(text.iloc[place])


def _texts(column: Series[Any]) -> list[str]:
    """Return a column of codes as text; an empty cell is the value "(empty)"."""
    kept = column.astype(object).where(column.notna(), None)
    return ["(empty)" if value is None else str(value) for value in kept]


def named(frame: DataFrame) -> DataFrame:
    """Return a data frame whose columns are named by text. Raises :class:`InputError` if two have one name."""
    names = [" ".join(map(str, name)).strip() if isinstance(name, tuple) else str(name) for name in frame.columns]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"the table has {names.count(twice)} columns called '{twice}': give each a name of its own")
    return frame.set_axis(names, axis=1)


def complete(frame: DataFrame, name: str, source: str) -> NDArray[np.generic]:
    """Return a column without empty cells."""
    if name not in frame.columns:
        raise unknown_name("column", name, frame.columns)
    empty = frame[name].isna().to_numpy()
    if empty.any():
        raise empty_cell(name, empty, source, "fill it in, or leave the row out")
    return np.asarray(frame[name].to_numpy())


def labelled(frame: DataFrame, name: str, source: str) -> NDArray[np.generic]:
    """Return a column of labels. Raises :class:`InputError` for an empty cell, and for text that stands for one."""
    labels = complete(frame, name, source)
    if labels.dtype == object:
        odd = np.isin(labels.astype(str), NO_LABEL)
        if odd.any():
            row = int(np.flatnonzero(odd)[0])
            raise InputError(
                f"{source}column '{name}' has '{labels[row]}' in row {row + 1}"
                + (f" and {odd.sum() - 1:,} others" if odd.sum() > 1 else "")
                + ", which stands for a missing label: leave these rows out, or call the class something else"
            )
    return labels


def present(frame: DataFrame, names: Iterable[str | None], source: str) -> None:
    """Raise :class:`InputError` unless ``frame`` has columns of all ``names``, ``None`` standing for none."""
    for name in names:
        if name is None or name in frame.columns:
            continue
        if sum(map(_is_number, frame.columns)) * 2 >= len(frame.columns):
            raise InputError(
                f"{source}the first line holds numbers ({', '.join(map(str, frame.columns[:4]))}), not the names of "
                f"columns, such as '{name}': put a line of names above"
            )
        raise unknown_name("column", name, frame.columns)


def _is_number(text: object) -> bool:
    try:
        float(str(text))
    except ValueError:
        return False
    return True


def whole_labels(labels: NDArray[np.generic], name: str) -> NDArray[np.generic]:
    """Return labels that were written as 1.0, 2.0 as integers."""
    if labels.dtype.kind != "f":
        return labels
    if not (labels == np.floor(labels)).all():
        raise InputError(
            f"column '{name}' holds fractions, such as {labels[labels != np.floor(labels)][0]}: no classes"
        )
    return labels.astype(np.int64)


def empty_cell(name: str, empty: NDArray[np.bool_], source: str, mend: str = "") -> InputError:
    """Return the error for a column of whose cells some are ``empty`` ``(n,)``."""
    row = int(np.flatnonzero(empty)[0]) + 1
    return InputError(
        f"{source}column '{name}' is empty in row {row}"
        + (f" and {empty.sum() - 1:,} others" if empty.sum() > 1 else "")
        + ": "
        + (mend or "fill it in, or set data.missing to 'mean'")
    )
