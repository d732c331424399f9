"""Signs that a column of a table is not what it looks like: dates, units, codes for missing, numbers of rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from astraea.data.source import Source
from astraea.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

__all__ = ["NO_LABEL", "are_dates", "check_numbers", "check_text", "doubts", "holds_lists"]

NO_LABEL = ("", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "?", "#N/A", "None")
"""What stands for an empty cell in a column of labels."""

_TIME = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[AaPp]\.?[Mm]\.?)?( ?(Z|[A-Z]{3,4}|[+-]\d{2}:?\d{2}))?"
_DATE = re.compile(
    rf"((\d{{4}}([-/.])\d{{1,2}}\3\d{{1,2}}|\d{{1,2}}([-/.])\d{{1,2}}\4(\d{{4}}|\d{{2}}))([T ]+{_TIME})?|{_TIME})"
)
_MANY = 20
_BESIDE = re.compile(r"([^\d.,+-]{0,8}?)\s*[-+]?\d[\d.,]*\s*([^\d.,]{0,8})")
_NINES = re.compile(r"-?99+|-9|-1")
_LARGEST = 2**53
_NEARLY_ALL = 0.99


def holds_lists(column: Series[Any]) -> str | None:
    """Return the type of the lists, arrays or mappings in the cells of a column; ``None`` if it has none."""
    if column.dtype != object:
        return None
    held = (value for value in column if isinstance(value, list | dict | set | tuple | np.ndarray))
    found = next(held, None)
    return None if found is None else type(found).__name__


def are_dates(column: Series[Any]) -> bool:
    """Whether all values of a column are dates or times of day, also as whole numbers such as 20230116."""
    known = column.dropna()
    if known.dtype.kind in "iu":
        values = known.unique()
        within = len(values) >= _MANY and values.min() >= 19000101 and values.max() <= 21001231
        return bool(within) and all(_is_day(str(value)) for value in values)
    if known.dtype.kind in "fcb" or not len(known):
        return False
    return all(_DATE.fullmatch(text) for text in {str(value).strip() for value in known})


def _is_day(digits: str) -> bool:
    try:
        datetime.strptime(digits, "%Y%m%d")
    except ValueError:
        return False
    return True


def check_text(name: str, cells: Sequence[str], source: Source) -> None:
    """Raise :class:`InputError` for cells of text that are numbers with a unit beside them."""
    unlike = list(dict.fromkeys(cells))
    parts = [_BESIDE.fullmatch(cell) for cell in unlike]
    beside = {(part[1].strip(), part[2].strip()) for part in parts if part}
    if None in parts or len(beside) != 1 or len(unlike) < 3:
        return
    ((before, behind),) = beside
    if (before or behind) and any(re.search(r"\d[.,]\d", cell) for cell in unlike):
        raise InputError(
            f"{source}column '{name}' holds numbers with '{before or behind}' beside them, such as '{unlike[0]}': "
            "write the numbers alone, or name it in data.codes if its values are codes"
        )


def check_numbers(name: str, values: NDArray[np.float64], source: Source) -> None:
    """Raise :class:`InputError` for whole numbers so large that they could not be told apart."""
    known = values[~np.isnan(values)]
    if len(known) and np.abs(known).max() >= _LARGEST and bool((known == np.floor(known)).all()):
        raise InputError(
            f"{source}column '{name}' holds whole numbers up to {np.abs(known).max():.4g}, which cannot be told apart: "
            "leave it out (data.leave_out), or name it in data.codes"
        )


def doubts(frame: DataFrame, whole: Sequence[str], numbers: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence for each column of ``frame`` that may be something else than a quantity.

    ``whole`` are the columns of whole numbers, ``numbers`` those of fractions.
    """
    found = []
    for name in whole:
        values = frame[name].to_numpy(float, na_value=np.nan)
        if len(values) > 1 and (np.diff(values) == 1).all():
            found.append(f"Column '{name}' only numbers the rows: leave it out (data.leave_out).")
        elif len(values) > _MANY and (unlike := len(np.unique(values))) >= _NEARLY_ALL * len(values):
            each = "each row" if unlike == len(values) else "nearly each row"
            found.append(
                f"Column '{name}' has another whole number in {each}: if it is the number of a case or a person, set "
                f"data.leave_out to ['{name}']."
            )
    for name in (*whole, *numbers):
        if (odd := _stand_in(frame[name].to_numpy(float, na_value=np.nan))) is not None:
            value, rows = odd
            found.append(
                f"Column '{name}' is {value:g} in {rows} rows and far from it in all others: empty these cells if it "
                "stands for a missing value."
            )
    return tuple(found)


def _stand_in(values: NDArray[np.float64]) -> tuple[float, int] | None:
    """Return a value like -999, and how often it occurs, that lies farther off than all others are wide."""
    known = values[~np.isnan(values)]
    for end in (known.min(initial=0.0), known.max(initial=0.0)):
        rest = known[known != end]
        rows = len(known) - len(rest)
        if rows < 2 or len(rest) < 3 or not _NINES.fullmatch(f"{end:.0f}"):
            continue
        gap = min(abs(end - rest.min()), abs(end - rest.max()))
        if gap > rest.max() - rest.min() > 0:
            return float(end), rows
    return None
