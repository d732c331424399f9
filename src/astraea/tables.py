"""Tables: figures as people read them, and one description that becomes Markdown, HTML, LaTeX or a terminal's table."""

from __future__ import annotations

import csv
import html
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from rich.table import Table as RichTable

__all__ = ["Column", "Table", "csv_text", "mean_spread", "number", "short", "value_spread"]

_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": "$-$",
    "–": "--",
    "…": r"\ldots{}",
}


_MOST_DIGITS = 4


def number(value: float, digits: int = 1, unit: str = "", *, signed: bool = False) -> str:
    """Return ``value`` with so many digits after the point: a dash for NaN, ``never`` for a time without end."""
    if math.isnan(value):
        return "–"
    return "never" if math.isinf(value) else f"{value:{'+' if signed else ''},.{digits}f}{unit}"


def short(value: float) -> str:
    """Return ``value`` with a digit after the point below 100, and none from there on."""
    return number(value, 1 if abs(value) < 99.95 else 0)


def value_spread(value: float, spread: float, digits: int = 1, *, signed: bool = False) -> str:
    """Return ``value ± spread``; the value alone where either is no finite number."""
    text = number(value, digits, signed=signed)
    return f"{text} ± {number(spread, digits)}" if math.isfinite(value) and math.isfinite(spread) else text


def mean_spread(values: ArrayLike, digits: int = 1, *, signed: bool = False) -> str:
    """Return the mean of ``values``, shape ``(seeds,)``, ± their sample standard deviation if there are two or more."""
    known = np.asarray(values, float)
    return value_spread(
        float(known.mean()), float(known.std(ddof=1)) if len(known) > 1 else math.nan, digits, signed=signed
    )


@dataclass(frozen=True)
class Column:
    """A figure of records, each a mapping such as a run's summary: where it is found and how it is shown."""

    key: str
    title: str
    scale: float = 1.0
    digits: int = 1
    spread: bool = True  # whether the deviation over records is shown

    def values(self, records: Iterable[Mapping[str, Any]]) -> NDArray[np.float64]:
        """Return the figure of each record in the column's unit; NaN where it is null."""
        return self.scale * np.array([record[self.key] for record in records], float)

    def text(self, records: Iterable[Mapping[str, Any]]) -> str:
        """Return the mean over ``records``, with ± if the column shows it; a dash if one of them lacks the figure.

        A mean alone below 10 has two significant digits at least, so that little is not shown as nothing.
        """
        values = self.values(records)
        if self.spread:
            return mean_spread(values, self.digits)
        mean = float(values.mean())
        more = 1 - math.floor(math.log10(abs(mean))) if 0 < abs(mean) < 10 else 0
        return number(mean, max(self.digits, min(more, _MOST_DIGITS)))


@dataclass(frozen=True)
class Table:
    """Cells of text under titles; the first ``labels`` columns name a row and stand left, all others right."""

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    labels: int = 1
    title: str = ""

    def transposed(self) -> Table:
        """Return rows as columns, for a table with one column of labels."""
        lines = list(zip(*(self.titles, *self.rows), strict=True))
        return Table(lines[0], lines[1:], title=self.title)

    def markdown(self) -> str:
        """Return a table for Markdown, without a line end after the last row."""
        ruler = "|" + "---|" * self.labels + "---:|" * (len(self.titles) - self.labels)
        lines = [
            "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in (self.titles, *self.rows)
        ]
        return "\n".join([lines[0], ruler, *lines[1:]])

    def html(self) -> str:
        """Return a ``<table>``; cells that stand right have the class ``figure``."""

        def line(cells: Sequence[str], tag: str) -> str:
            marks = [""] * self.labels + [' class="figure"'] * (len(cells) - self.labels)
            pairs = zip(marks, cells, strict=True)
            return "<tr>" + "".join(f"<{tag}{mark}>{html.escape(cell)}</{tag}>" for mark, cell in pairs) + "</tr>"

        caption = f"<caption>{html.escape(self.title)}</caption>\n" if self.title else ""
        body = "\n".join(line(row, "td") for row in self.rows)
        return f"<table>\n{caption}<thead>\n{line(self.titles, 'th')}\n</thead>\n<tbody>\n{body}\n</tbody>\n</table>"

    def latex(self) -> str:
        """Return a ``tabular`` in the style of the package booktabs."""

        def line(cells: Sequence[str]) -> str:
            return " & ".join("".join(_LATEX.get(c, c) for c in cell) for cell in cells) + r" \\"

        columns = "l" * self.labels + "r" * (len(self.titles) - self.labels)
        body = "\n".join(map(line, self.rows))
        return (
            f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{line(self.titles)}\n\\midrule\n{body}\n"
            "\\bottomrule\n\\end{tabular}"
        )

    def csv(self) -> str:
        """Return the cells as CSV."""
        return csv_text([self.titles, *self.rows])

    def text(self) -> str:
        """Return a table of plain text, as wide as it needs, without a line end after the last row."""
        return _plain_text(self.rich())

    def rich(self, *, dense: bool = False) -> RichTable:
        """Return a table for a terminal, ``dense`` if it has many short columns; its cells are text, not markup.

        Where the terminal is too narrow, cells are folded, never cut.
        """
        from rich.box import SIMPLE_HEAD
        from rich.table import Table as RichTable
        from rich.text import Text

        title = Text(self.title, style="bold") if self.title else None
        table = RichTable(
            title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 0 if dense else 1), pad_edge=False
        )
        for place, heading in enumerate(self.titles):
            right = place >= self.labels
            table.add_column(Text(heading), justify="right" if right else "left", overflow="fold")
        for row in self.rows:
            table.add_row(*map(Text, row))
        return table


def _plain_text(table: RichTable) -> str:
    from rich.console import Console

    console = Console(width=10_000, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def csv_text(rows: Iterable[Sequence[object]], line_end: str = "\r\n") -> str:
    """Return ``rows`` as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator=line_end).writerows(rows)
    return text.getvalue()
