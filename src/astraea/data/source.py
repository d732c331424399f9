"""Where a table came from, as sentences about it have it: its file, and of a folder the file of each row."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["SOURCE", "Source", "source_of"]

SOURCE = "source"
"""Where a frame keeps its :class:`Source`."""


@dataclass(frozen=True)
class Source:
    """A table's ``name``, and, if several files make it, the first row and the name of each, in order."""

    name: str = ""
    files: tuple[tuple[int, str], ...] = ()

    def __str__(self) -> str:
        """Begin a sentence about the table."""
        return f"{self.name}: " if self.name else ""

    def row(self, place: int) -> str:
        """Return the row at ``place``, from 0, as a person counts it: from 1, in its file."""
        if not self.files:
            return f"row {place + 1}"
        first, name = self.files[bisect_right(self.files, place, key=lambda file: file[0]) - 1]
        return f"row {place - first + 1} of {name}"


def source_of(frame: DataFrame, otherwise: str = "") -> Source:
    """Return where ``frame`` was read from; one that no file made is called ``otherwise``."""
    found = frame.attrs.get(SOURCE)
    return found if isinstance(found, Source) else Source(otherwise)
