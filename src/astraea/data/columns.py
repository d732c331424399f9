"""Columns of a table as features: what each holds, and what becomes of it, the same for rows that come later."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from astraea.data.column_signs import NO_LABEL, are_dates, check_numbers, check_text, holds_lists
from astraea.data.source import Source
from astraea.errors import InputError, unknown_name

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = [
    "Column",
    "Missing",
    "as_truths",
    "column_of",
    "complete",
    "empty_cell",
    "labelled",
    "named",
    "no_column",
    "numbers_of",
    "odd_one",
    "present",
    "too_many",
    "whole_labels",
]

Missing = Literal["refuse", "mean"]

_MOST_VALUES = 1000
_FEW = 4
_MOSTLY = 0.9
_TRUTHS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


class Column(BaseModel):
    """A feature column: its kind, the values that its codes have, and what becomes of an empty cell.

    ``mean`` and ``deviation`` are those of numbers in training, and ``empty`` is how many cells were: by these, rows
    unlike training are told. ``distinct`` values there were, such as ``example``, which no folder of a run keeps.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Literal["numbers", "whole numbers", "codes"]
    known: tuple[str, ...]
    noisy: bool
    missing: Missing
    mean: float | None = None
    deviation: float | None = None
    empty: int | None = None
    distinct: int = 0
    example: str = Field("", exclude=True)

    @property
    def steady(self) -> tuple[bool, ...]:
        """For each feature, whether copies repeat it unchanged."""
        if self.kind == "codes":
            return (True,) * len(self.known)
        return (self.kind == "whole numbers" and not self.noisy,)

    def values(self, frame: DataFrame, source: Source) -> NDArray[np.float64]:
        """Return the features of the rows of ``frame``, shape ``(n, F)``, NaN for an empty cell of numbers."""
        if self.name not in frame.columns:
            raise no_column(self.name, frame, source)
        column = frame[self.name]
        empty = column.isna().to_numpy()
        if empty.any() and self.missing == "refuse":
            raise empty_cell(self.name, empty, source)
        if self.kind != "codes":
            values = numbers_of(column)
            if values is None:
                text = next(iter(column.dropna()), "")
                raise InputError(f"{source}column '{self.name}' holds numbers in training, but here text, as '{text}'")
            return values[:, None]
        # A value that training lacks is none of the known ones.
        flags: NDArray[np.bool_] = self.texts(column)[:, None] == np.array(self.known)[None]
        return flags.astype(np.float64)

    def texts(self, column: Series[Any]) -> NDArray[np.str_]:
        """Return the values of codes in further rows as text, truth values as in training."""
        return np.array(as_truths(_texts(column), self.known))


def column_of(
    column: Series[Any], *, declared: bool, noisy: bool, missing: Missing, source: Source, part: bool = False
) -> Column:
    """Return what a column of the training table is; ``declared`` says that its numbers are codes.

    Of a ``part`` of a table nobody can say whether a code has too many values for it: see :func:`too_many`.

    Raises :class:`InputError` for one that cannot be a feature.
    """
    name, empty = str(column.name), column.isna().to_numpy()
    if empty.any() and missing == "refuse":
        raise empty_cell(name, empty, source)
    if empty.all():
        raise InputError(f"{source}column '{name}' is empty: leave it out (data.leave_out)")
    if not declared and (column.dtype.kind in "mM" or are_dates(column)):
        example = next(iter(column.dropna()))
        raise InputError(
            f"{source}column '{name}' holds dates or times, such as '{example}': make it a number, such as days since "
            "a date, leave it out (data.leave_out), or name it in data.codes"
        )
    if held := holds_lists(column):
        raise InputError(
            f"{source}column '{name}' holds a {held} in each cell: give each value a column of its own, or read "
            "sequences with data.name = 'huggingface'"
        )
    values = None if declared else numbers_of(column)
    seen = {"empty": int(empty.sum()), "noisy": noisy, "missing": missing, "example": str(next(iter(column.dropna())))}
    if values is not None:
        if np.isinf(values).any():
            row = int(np.flatnonzero(np.isinf(values))[0])
            raise InputError(
                f"{source}column '{name}' is infinite in {source.row(row)}: replace it, or leave the row out"
            )
        check_numbers(name, values, source)
        values = values[~np.isnan(values)]
        return Column(
            name=name,
            kind="whole numbers" if (values == np.floor(values)).all() else "numbers",
            known=(),
            mean=float(values.mean()),
            deviation=float(values.std()),
            distinct=len(np.unique(values)),
            **seen,
        )
    found = tuple(sorted(set(_texts(column))))
    if not declared and (odd := odd_one(column)):
        raise InputError(
            f"{source}column '{name}' holds numbers, but '{odd[1]}' in {source.row(odd[0])}: mend it, or name the "
            "column in data.codes if its values are codes"
        )
    if not declared and column.dtype.kind == "O":
        check_text(name, [str(value) for value in column.dropna()], source)
    if not part and (fault := too_many(name, found, len(column))):
        raise InputError(f"{source}{fault}")
    return Column(name=name, kind="codes", known=found, distinct=len(found) - bool(empty.any()), **seen)


def too_many(name: str, found: tuple[str, ...], rows: int) -> str | None:
    """Return the sentence for a column of codes whose values ``found`` are too many for that; else ``None``."""
    if len(found) <= _MOST_VALUES and (len(found) <= max(_FEW, 0.5 * rows) or rows <= 2 * _FEW):
        return None
    return (
        f"column '{name}' is text with {len(found):,} different values in {rows:,} rows, "
        f"such as '{found[0]}': leave it out (data.leave_out), or make it a number"
    )


def numbers_of(column: Series[Any]) -> NDArray[np.float64] | None:
    """Return a column as numbers, NaN for an empty cell; ``None`` if it holds anything else."""
    from pandas.api.types import infer_dtype, is_bool_dtype, is_numeric_dtype

    if column.dtype == object and infer_dtype(column) == "decimal":
        column = column.astype(np.float64)
    if is_bool_dtype(column) or not is_numeric_dtype(column):
        return None
    values: NDArray[np.float64] = column.to_numpy(np.float64, na_value=np.nan)
    return values


def odd_one(column: Series[Any]) -> tuple[int, str] | None:
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
    return ["(empty)" if value is None else _text(value) for value in kept]


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return unicodedata.normalize("NFC", str(value).strip())


def as_truths(texts: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return values as ``known`` ones are written if both are truth values: true, 1 and 1.0 are the same."""
    written = {_TRUTHS.get(name.lower()): name for name in known}
    if None in written or not all(text.lower() in _TRUTHS or text == "(empty)" for text in set(texts)):
        return list(texts)
    return [written.get(_TRUTHS.get(text.lower()), text) for text in texts]


def named(frame: DataFrame) -> DataFrame:
    """Return a data frame whose columns are named by text. Raises :class:`InputError` if two have one name."""
    names = [" ".join(map(str, name)).strip() if isinstance(name, tuple) else str(name) for name in frame.columns]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"the table has {names.count(twice)} columns called '{twice}': give each a name of its own")
    found = frame.set_axis(names, axis=1)
    found.attrs = dict(frame.attrs)
    return found


def no_column(name: str, frame: DataFrame, source: Source) -> InputError:
    """Return the error for a column that a table lacks."""
    return InputError(f"{source}{unknown_name('column', name, frame.columns)}")


def complete(frame: DataFrame, name: str, source: Source) -> NDArray[np.generic]:
    """Return a column without empty cells."""
    if name not in frame.columns:
        raise no_column(name, frame, source)
    empty = frame[name].isna().to_numpy()
    if empty.any():
        raise empty_cell(name, empty, source, "fill it in, or leave the row out")
    return np.asarray(frame[name].to_numpy())


def labelled(frame: DataFrame, name: str, source: Source) -> NDArray[np.generic]:
    """Return a column of labels. Raises :class:`InputError` for an empty cell, and for text that stands for one."""
    labels = complete(frame, name, source)
    if labels.dtype == object:
        odd = np.isin(labels.astype(str), NO_LABEL)
        if odd.any():
            row = int(np.flatnonzero(odd)[0])
            raise InputError(
                f"{source}column '{name}' has '{labels[row]}' in {source.row(row)}"
                + (f" and {odd.sum() - 1:,} others" if odd.sum() > 1 else "")
                + ", which stands for a missing label: leave these rows out, or call the class something else"
            )
    return labels


def present(frame: DataFrame, names: Iterable[str | None], source: Source) -> None:
    """Raise :class:`InputError` unless ``frame`` has columns of all ``names``, ``None`` standing for none."""
    for name in names:
        if name is None or name in frame.columns:
            continue
        if sum(map(_is_number, frame.columns)) * 2 >= len(frame.columns):
            raise InputError(
                f"{source}the first line holds numbers ({', '.join(map(str, frame.columns[:4]))}), not the names of "
                f"columns, such as '{name}': put a line of names above"
            )
        raise no_column(name, frame, source)


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


def empty_cell(name: str, empty: NDArray[np.bool_], source: Source, mend: str = "") -> InputError:
    """Return the error for a column of whose cells some are ``empty`` ``(n,)``."""
    row = source.row(int(np.flatnonzero(empty)[0]))
    return InputError(
        f"{source}column '{name}' is empty in {row}"
        + (f" and {empty.sum() - 1:,} others" if empty.sum() > 1 else "")
        + ": "
        + (mend or "fill it in, or set data.missing to 'mean'")
    )
