"""Accuracy over bytes and over the critical path: a row of two panels for each dataset and case, a colour a method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from astraea.figures import arm_style, new_figure, plain_axes, plain_log_ticks
from searched.plan import Plan
from searched.progress import Cell
from searched.search import Point, point

__all__ = ["draw"]

Runs = Sequence[Mapping[str, Any]]

_MARKERS = "osD^vPX<>*h"
_AXES = (("bytes", 1e-6, "sent (MB)"), ("critical_path_steps", 1e-3, "steps one after another (k)"))
_BELOW = 0.06  # an axis begins so far below the lowest measured method: poor rates of a search do not set the scale


def draw(plan: Plan, rows: Runs, measured: Mapping[tuple[Cell, Point], Runs]) -> Figure:
    """Return the picture: means over the seeds of ``measured`` cells large, searched runs among ``rows`` small.

    A dataset and case is shown from two methods of two seeds on; before, there is nothing to compare.
    """
    groups = Counter((cell.dataset, cell.case) for (cell, _), runs in measured.items() if len(runs) > 1)
    panels = [group for group, methods in groups.items() if methods > 1] or list(
        dict.fromkeys((cell.dataset, cell.case) for cell, _ in measured)
    )
    figure = new_figure(10, 1.3 + 3.5 * max(1, len(panels)))
    axes = figure.subplots(max(1, len(panels)), 2, squeeze=False, sharey="row")
    for (dataset, case), pair in zip(panels, axes, strict=False):
        lowest = []
        for axis, (key, scale, label) in zip(pair, _AXES, strict=True):
            for place, (name, method) in enumerate(plan.methods.items()):
                ends = _means(measured, name, dataset, case, key)
                if not len(ends):
                    continue
                lowest.append(ends[:, 1].min())
                look = {"color": arm_style(place).colour, "marker": _MARKERS[place % len(_MARKERS)], "linestyle": ""}
                x, y = _searched(plan, rows, name, dataset, case, key)
                axis.plot(scale * x, 100 * y, **look, markersize=3, alpha=0.3)
                edge = {"markeredgecolor": "white", "markeredgewidth": 0.8, "elinewidth": 1.2}
                spread = 100 * ends[:, 2]
                axis.errorbar(
                    scale * ends[:, 0],
                    100 * ends[:, 1],
                    spread,
                    **look,
                    **edge,
                    label=method.title or name,
                    markersize=9,
                )
            axis.set_xscale("log")
            plain_log_ticks(axis)
            axis.set_xlabel(label, fontsize=10)
            plain_axes(axis)
        pair[0].set_ylim(bottom=100 * max(0, min(lowest) - _BELOW))
        pair[0].set_ylabel("balanced accuracy (%)", fontsize=10)
        pair[0].set_title(f"{plan.titles.get(dataset, dataset)}: {plan.cases[case].about}", fontsize=11, loc="left")
    handles = {label: line for axis in axes.flat for line, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    if handles:
        figure.legend(handles.values(), handles, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    return figure


def _searched(plan: Plan, rows: Runs, method: str, dataset: str, case: str, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Return where the runs of the search lie: those of the first method that has their arm and fixed knobs."""
    own = plan.methods[method]
    fixed = {name: value for name, value in point(own.start) if name not in own.search}
    here = [
        row
        for row in rows
        if (row["dataset"], row["case"], row["seed"], row["arm"]) == (dataset, case, plan.search_seed, own.arm)
        and "failed" not in row
        and all(row["knobs"].get(name) == value for name, value in fixed.items())
    ]
    return np.array([row[key] for row in here]), np.array([row["balanced_accuracy"] for row in here])


def _means(measured: Mapping[tuple[Cell, Point], Runs], method: str, dataset: str, case: str, key: str) -> np.ndarray:
    """Return a method's measured cells, cheapest first, as ``(cells, 3)``: cost, accuracy, its standard deviation."""
    found = [
        (
            np.mean([run[key] for run in runs]),
            np.mean([run["balanced_accuracy"] for run in runs]),
            np.std([run["balanced_accuracy"] for run in runs], ddof=1) if len(runs) > 1 else 0.0,
        )
        for (cell, _), runs in measured.items()
        if (cell.method, cell.dataset, cell.case) == (method, dataset, case)
    ]
    return np.array(sorted(found))
