"""Pictures of finished studies, from their tables alone: ``python studies/pictures.py [NAME ...]``.

``docs/results/NAME.csv`` holds every value, so a picture can be drawn anew without a run.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from matplotlib.figure import Figure
from study import HERE, NAMES, load_study

from astraea.cli.shell import friendly
from astraea.errors import unknown_name
from astraea.figures import BLUE, GREEN, GREY, ORANGE, arm_title, new_figure, plain_axes, plain_log_ticks, write_figure

__all__ = ["DATASETS", "FINAL", "SENT", "accuracies", "draw", "traffic"]

Rows = Sequence[Mapping[str, str]]
"""Lines of a study's table: dataset, case, arm, seed, and values by the titles of their columns."""

FINAL, SENT = "final (%)", "sent (MB)"

DATASETS = {
    "cifar10": "CIFAR-10",
    "devanagari": "Handwritten characters",
    "fashion-mnist": "Fashion-MNIST",
    "femnist": "FEMNIST",
    "uci-har": "UCI-HAR",
}
"""What readers call a dataset."""

_FAMILIES = {"astraea": ORANGE, "fedavg": BLUE, "pooled": GREY}
_MARKERS = "osD^vPX<>*hp"


def draw(rows: Rows, picture: str) -> Figure:
    """Return a study's picture: ``accuracy`` or ``traffic``."""
    return traffic(rows) if picture == "traffic" else accuracies(rows)


def accuracies(rows: Rows) -> Figure:
    """Return the final accuracy of each arm: dots are seeds, a bar is their mean. Colours are algorithms.

    Several datasets are rows of panels, and cases columns; the cases of one dataset stand one below the other. Panels
    of a dataset share their axis.
    """
    datasets, cases = _distinct(rows, "dataset"), _distinct(rows, "case")
    below = [(dataset, case) for dataset in datasets for case in cases] if len(datasets) == 1 else None
    grid = [[one] for one in below] if below else [[(dataset, case) for case in cases] for dataset in datasets]
    shown = [_distinct([row for row in rows if (row["dataset"], row["case"]) in line], "arm") for line in grid]
    heights = [0.75 + 0.23 * len(arms) for arms in shown]
    figure = new_figure(2.6 + (4.6 if below else 2.6 * len(cases)), sum(heights))
    panels = figure.subplots(
        len(grid), len(grid[0]), squeeze=False, sharex="all" if below else "row", height_ratios=heights
    )
    for line, arms, axes in zip(grid, shown, panels, strict=True):
        for (dataset, case), axis in zip(line, axes, strict=True):
            for place, arm in enumerate(arms):
                values = _values(rows, FINAL, dataset=dataset, case=case, arm=arm)
                if len(values):
                    colour = _family(arm)
                    axis.plot(values, [place] * len(values), "o", color=colour, markersize=3, alpha=0.5)
                    axis.plot(values.mean(), place, "|", color=colour, markersize=11, markeredgewidth=2)
            labels = [arm_title(arm) for arm in arms] if axis is axes[0] else [""] * len(arms)
            axis.set_yticks(range(len(arms)), labels, fontsize=8)
            axis.set_ylim(len(arms) - 0.4, -0.6)
            axis.tick_params(axis="x", labelsize=8)
            titles = ([DATASETS.get(dataset, dataset)] if axis is axes[0] else []) + ([case] if len(cases) > 1 else [])
            axis.set_title(", ".join(titles), fontsize=9, loc="left")
            plain_axes(axis)
    figure.supxlabel("final accuracy (%): seeds and their mean", fontsize=9)
    return figure


def traffic(rows: Rows) -> Figure:
    """Return final accuracy over what was sent, a panel for each dataset: mean and standard deviation over seeds."""
    datasets, arms = _distinct(rows, "dataset"), _distinct(rows, "arm")
    figure = new_figure(3.7 * len(datasets), 5.0)
    for dataset, axis in zip(datasets, figure.subplots(1, len(datasets), squeeze=False)[0], strict=True):
        for place, arm in enumerate(arms):
            final, sent = (_values(rows, column, dataset=dataset, arm=arm) for column in (FINAL, SENT))
            if not len(final):
                continue
            look: dict[str, Any] = {"color": _family(arm), "marker": _MARKERS[place % len(_MARKERS)]}
            edge = {"markersize": 8, "markeredgecolor": "white", "markeredgewidth": 0.7, "linestyle": ""}
            spread = final.std(ddof=1) if len(final) > 1 else 0.0
            axis.errorbar(sent.mean(), final.mean(), spread, **look, **edge, label=arm_title(arm))
        axis.set_xscale("log")
        plain_log_ticks(axis)
        axis.set_title(DATASETS.get(dataset, dataset), fontsize=10, loc="left")
        plain_axes(axis)
        axis.set_xlabel("sent, every hand-over counted (MB)", fontsize=9)
    figure.axes[0].set_ylabel("final accuracy (%)", fontsize=9)
    handles = {
        label: line for axis in figure.axes for line, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


def _family(arm: str) -> str:
    """Return the colour of an arm's algorithm; its mark tells it from its relatives."""
    return next((colour for name, colour in _FAMILIES.items() if arm.startswith(name)), GREEN)


def _distinct(rows: Rows, column: str) -> list[str]:
    return list(dict.fromkeys(row[column] for row in rows))


def _values(rows: Rows, column: str, **where: str) -> np.ndarray:
    """Return a column's values in the rows that are so."""
    return np.array([float(row[column]) for row in rows if all(row[key] == value for key, value in where.items())])


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help=f"Studies: {', '.join(NAMES)}; all, if none is named.")
    ] = None,
    results: Annotated[Path | None, typer.Option(help="Where their tables are; by default docs/results.")] = None,
) -> None:
    """Draw the pictures of finished studies anew."""
    with friendly():
        folder = results or HERE.parent / "docs" / "results"
        for name in names or [one for one in NAMES if (folder / f"{one}.csv").is_file()]:
            file = folder / f"{name}.csv"
            if not file.is_file():
                raise unknown_name("finished study", name, sorted(one.stem for one in folder.glob("*.csv")))
            with file.open(encoding="utf-8", newline="") as opened:
                figure = draw(list(csv.DictReader(opened)), load_study(name).picture)
            write_figure(folder / f"{name}.png", figure, dpi=110)
            typer.echo(f"{folder / name}.png")


if __name__ == "__main__":
    typer.run(main)
