"""Decimal marks: whether 1.000 is one or a thousand, by what the columns of a table show together.

A mark that stands once in a number, in front of other than three digits, is a decimal mark; the other mark of that file
then parts thousands. Where nothing shows it, nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from astraea.errors import InputError

if TYPE_CHECKING:
    from pandas import Series

__all__ = ["Decimal", "Marks", "marks_of", "marks_told"]

Decimal = Literal["auto", ".", ","]

_OTHER = {".": ",", ",": "."}
_SPACES = r"(?<=\d)[ \u00a0\u202f](?=\d{3}(\D|$))"  # between thousands


class Marks(NamedTuple):
    """How the numbers of a column are written: its ``decimal`` mark, or ``None`` for text.

    ``example`` is a number in it that could be read otherwise, if there is one.
    """

    decimal: str | None
    example: str | None = None

    def plain(self, written: Series[Any]) -> Series[Any]:
        """Return cells as Python writes numbers; text as it is."""
        if self.decimal is None:
            return written
        spaced = written.str.replace(_SPACES, "", regex=True)
        return spaced.str.replace(_OTHER[self.decimal], "", regex=False).str.replace(self.decimal, ".", regex=False)


def marks_told(marks: Mapping[str, Marks]) -> tuple[str, ...]:
    """Return how columns were read that could be read otherwise: a sentence for all that have the same mark."""
    told = []
    for mark in _OTHER:
        alike = [name for name, one in marks.items() if one.decimal == mark and one.example is not None]
        if not alike:
            continue
        example = str(marks[alike[0]].example)
        number = re.sub(_SPACES, "", example).replace(_OTHER[mark], "").replace(mark, ".")
        others = len(alike) - 1
        more = f", and so were those of {others} more column{'s' if others > 1 else ''}" if others else ""
        told.append(f"Column '{alike[0]}': {example} was read as {number}{more}; data.decimal says it otherwise.")
    return tuple(told)


def marks_of(columns: Mapping[str, Series[Any]], decimal: Decimal, delimiter: str) -> dict[str, Marks]:
    """Return how each of the ``columns`` is written, whose cells are text without empty ones.

    Raises :class:`InputError` for a column that could be read in two ways.
    """
    shown = {name: _shown(column) for name, column in columns.items()}
    found = set[str](mark for mark, _ in shown.values() if mark in _OTHER)
    marks = {}
    for name, (mark, example) in shown.items():
        if mark is None or example is None:
            marks[name] = Marks(mark if mark in _OTHER else ("." if mark is not None else None))
            if decimal != "auto" and mark in _OTHER and mark != decimal:
                raise InputError(
                    f"column '{name}' has the decimal mark '{mark}', and data.decimal says '{decimal}': correct one of "
                    "them"
                )
            if mark == "," and columns[name].str.contains(r"[.,]").any():
                marks[name] = Marks(",", str(columns[name][columns[name].str.contains(r"[.,]")].iloc[0]))
            continue
        own = "." if "." in example else ","  # every number has at most one, in front of three digits
        if decimal != "auto":
            chosen: str = decimal
        elif len(found) == 1:
            (chosen,) = found
        elif not found and delimiter == ",":
            chosen = "."  # in a quoted cell a comma parts thousands, and a point does not
        else:
            one, other = example.replace(own, "."), example.replace(own, "")
            why = "other columns show both marks" if found else "no other number shows which"
            raise InputError(
                f"column '{name}' holds {example}, which may be {one} or {other}, and {why}: set "
                f"data.decimal to '{own}' for the first, or to '{_OTHER[own]}' for the second"
            )
        marks[name] = Marks(chosen, example if own == "," or chosen != own else None)
    return marks


def _shown(column: Series[Any]) -> tuple[str | None, str | None]:
    """Return the decimal mark that a column shows, "" for none, ``None`` for text; and a number that fits both."""
    if not len(column):
        return None, None
    plain = column.str.replace(_SPACES, "", regex=True)
    points, commas = plain.str.contains(".", regex=False), plain.str.contains(",", regex=False)
    if not commas.any() and not points.any():
        return "", None
    for mark, marked, others in ((".", points, commas), (",", commas, points)):
        m, o = re.escape(mark), re.escape(_OTHER[mark])
        if not plain.str.fullmatch(rf"[-+]?(?:\d*|\d{{1,3}}(?:{o}\d{{3}})+)(?:{m}\d*)?(?:[eE][-+]?\d+)?").all():
            continue
        grouped = rf"[-+]?[1-9]\d{{0,2}}{m}\d{{3}}"
        if (marked & ~plain.str.fullmatch(grouped)).any() or (others & marked).any():
            return mark, None
        if not marked.any() and plain.str.fullmatch(rf"[-+]?\d{{1,3}}(?:{o}\d{{3}}){{2,}}").any():
            return mark, None  # two groups of thousands
    for mark, marked, others in ((".", points, commas), (",", commas, points)):
        m = re.escape(mark)
        grouped = rf"[-+]?[1-9]\d{{0,2}}{m}\d{{3}}"
        whole = plain[~marked].str.fullmatch(r"[-+]?\d+(?:[eE][-+]?\d+)?").all()
        if marked.any() and not others.any() and whole and plain[marked].str.fullmatch(grouped).all():
            return "", str(plain[marked].iloc[0])
    return None, None
