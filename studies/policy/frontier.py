"""Draw what excludes what, from the tables of the results alone: ``python studies/policy/frontier.py``.

A short queue and a share beside CUBIC; a short queue and all that a cellular link carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from astraea.cli.shell import friendly
from astraea.errors import InputError
from astraea.figures import BLUE, ORANGE, arm_title, new_figure, plain_axes, write_figure

__all__ = ["draw", "figures"]

_DOCS = Path(__file__).parents[2] / "docs"
Figures = Mapping[str, float]


def main(
    page: Annotated[Path, typer.Option(help="The page of results.")] = _DOCS / "results" / "congestion.md",
    out: Annotated[Path, typer.Option(help="Where the picture goes.")] = _DOCS / "images" / "policy-frontier.png",
) -> None:
    """Draw the picture."""
    with friendly():
        write_figure(out, draw(page.read_text(encoding="utf-8")))


def figures(page: str, section: str, row: str, column: str) -> Figures:
    """Return by arm what the table of ``section`` says in ``column``, in lines that begin with ``row``.

    Raises :class:`InputError` if the page has no such figures.
    """
    _, _, text = page.partition(f"\n## {section}\n")
    lines = [_cells(line) for line in text.partition("\n## ")[0].splitlines() if line.startswith("|")]
    if not lines or column not in lines[0]:
        raise InputError(f"the page has no table '{section}' with a column '{column}'")
    place = lines[0].index(column)
    found = {line[1]: float(line[place].split(" ")[0].replace(",", "")) for line in lines[2:] if line[0] == row}
    if not found:
        raise InputError(f"the table '{section}' has no line '{row}'")
    return found


def draw(page: str) -> Figure:
    """Return two panels: share beside CUBIC over the queue without company, and use of 3G links over their queue."""
    figure = new_figure(8.4, 3.4)
    left, right = figure.subplots(1, 2)
    share = figures(page, "friendliness", "cubic", "own goodput over fair share, median")
    queue = figures(page, "grid", "loss-free", "queueing delay (ms)")
    _points(left, queue, share)
    left.axhline(0.5, color=ORANGE, linewidth=0.8, linestyle=":")
    left.set_xlabel("queueing delay among its own, loss-free grid (ms)")
    left.set_ylabel("share beside one CUBIC, median")
    _points(
        right, figures(page, "traces", "3G", "queueing delay (ms)"), figures(page, "traces", "3G", "utilisation (%)")
    )
    right.axhline(90, color=ORANGE, linewidth=0.8, linestyle=":")
    right.set_xlabel("queueing delay on 3G links (ms)")
    right.set_ylabel("utilisation (%)")
    return figure


def _points(axes: Axes, x: Figures, y: Figures) -> None:
    for arm in x:
        colour = ORANGE if arm == "policy" else BLUE
        axes.plot(x[arm], y[arm], "o", color=colour, markersize=5)
        axes.annotate(arm_title(arm), (x[arm], y[arm]), xytext=(4, 4), textcoords="offset points", fontsize=8)
    axes.set_xlim(left=0)
    axes.margins(0.12)
    plain_axes(axes)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


if __name__ == "__main__":
    typer.run(main)
