"""A picture of each suite: distributions over worlds, lines over a property of the path, or bars."""

from __future__ import annotations

import math
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from astraea.congestion.evaluation.runner import Evaluation
from astraea.congestion.evaluation.suite import Suite
from astraea.congestion.evaluation.tables import SuiteTable, tabulate
from astraea.figures import arm_style, new_figure, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["suite_figure"]

_LINE_FROM = 3  # groups that are numbers are joined by lines if there are so many
_LOG_FROM = 16  # and their axis is logarithmic if they span such a factor


def suite_figure(evaluation: Evaluation, suite: Suite) -> Figure:
    """Return the picture of one suite: a panel for each measure that it shows, a colour for each arm.

    Bands and whiskers reach from the least to the largest of the seeds. A time that never came is marked so.
    """
    table = tabulate(evaluation, suite)
    panels = len(suite.spread) or len(suite.shown)
    figure = new_figure(4.2 * panels, 3.8)
    axes = np.atleast_1d(figure.subplots(1, panels))
    numeric = [group for group in table.groups if not isinstance(group, str)]
    for number, axis in enumerate(axes):
        if suite.spread:
            _distribution(axis, evaluation, suite, *suite.spread[number])
        elif len(numeric) == len(table.groups) >= _LINE_FROM:
            _lines(axis, evaluation, table, suite.shown[number])
        else:
            _bars(axis, evaluation, table, suite.shown[number])
        plain_axes(axis, "y" if axis.containers else "both")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=8, frameon=False)
    figure.suptitle(f"{suite.name}: {suite.summary}", fontsize=10)
    return figure


def _distribution(axis: Axes, evaluation: Evaluation, suite: Suite, measure: str, title: str) -> None:
    outcomes = evaluation.of(suite.name)
    for arm, style in zip(evaluation.arms, map(arm_style, count()), strict=False):
        values = np.array([outcome.value(measure) for outcome in outcomes if outcome.arm == arm.name])
        known = np.sort(values[~np.isnan(values)])
        axis.step(known, np.arange(1, len(known) + 1) / len(values), where="post", **style.of_line, label=arm.name)
    axis.set(xlabel=title, ylabel="share of worlds", ylim=(0, 1))


def _lines(axis: Axes, evaluation: Evaluation, table: SuiteTable, key: str) -> None:
    x = np.array([float(group) for group in table.groups])
    scale, title = _scale(table, key)
    for arm, style in zip(evaluation.arms, map(arm_style, count()), strict=False):
        cells = [table.cell(group, arm.name, key) for group in table.groups]
        seeds = np.array([cell.by_seed for cell in cells]) * scale
        axis.plot(x, [c.value * scale for c in cells], **style.of_line, marker="o", markersize=3, label=arm.name)
        axis.fill_between(x, seeds.min(axis=1), seeds.max(axis=1), color=style.colour, alpha=0.15, linewidth=0)
    if x.min() > 0 and x.max() >= _LOG_FROM * x.min():
        axis.set_xscale("log")
        axis.set_xticks(x, [f"{value:g}" for value in x])
        axis.minorticks_off()
    axis.set(xlabel=table.suite.group_title, ylabel=title)
    axis.set_ylim(bottom=0)


def _bars(axis: Axes, evaluation: Evaluation, table: SuiteTable, key: str) -> None:
    scale, title = _scale(table, key)
    width = 0.8 / len(evaluation.arms)
    column = next(column for column in table.suite.columns if column.key == key)
    for number, arm in enumerate(evaluation.arms):
        cells = [table.cell(group, arm.name, key) for group in table.groups]
        x = np.arange(len(cells)) + (number + 0.5) * width - 0.4
        heights = np.array([cell.value * scale if math.isfinite(cell.value) else 0.0 for cell in cells])
        axis.bar(x, heights, width, **arm_style(number).of_bar, label=arm.name)
        for at, cell in zip(x, cells, strict=True):
            seeds = np.array(cell.by_seed) * scale
            if not math.isfinite(cell.value):
                axis.text(at, 0, f" {cell.text(column)}", rotation=90, ha="center", va="bottom", fontsize=7)
            elif np.isfinite(seeds).all():
                axis.vlines(at, seeds.min(), seeds.max(), color="black", linewidth=0.8)
    named = [group if isinstance(group, str) else f"{group:g}" for group in table.groups]
    axis.set_xticks(range(len(named)), named, rotation=20 if max(map(len, named)) > 8 else 0, fontsize=8)
    axis.set(xlabel=table.suite.group_title, ylabel=title)


def _scale(table: SuiteTable, key: str) -> tuple[float, str]:
    column = next(column for column in table.suite.columns if column.key == key)
    return (100.0 if column.percent else 1.0), column.title
