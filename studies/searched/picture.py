"""Accuracy over bytes and over the critical path: a row of two panels for each dataset and case, a colour a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from astraea.figures import arm_style, new_figure, plain_axes
from searched.plan import Plan
from searched.progress import Cell
from searched.search import Point, point

__all__ = ["draw"]

Runs = Sequence[Mapping[str, Any]]

_MARKERS = "osv"
_AXES = (("bytes", 1e-6, "sent (MB)"), ("critical_path_steps", 1e-3, "critical path (k steps)"))


def draw(plan: Plan, rows: Runs, measured: Mapping[tuple[Cell, Point], Runs]) -> Figure:
    """Return the picture: means over the seeds of ``measured`` cells large, searched runs among ``rows`` small."""
    panels = list(dict.fromkeys((row["dataset"], row["case"]) for row in rows))
    figure = new_figure(11, 0.9 + 3.3 * len(panels))
    axes = figure.subplots(len(panels), 2, squeeze=False)
    for (dataset, case), pair in zip(panels, axes, strict=True):
        for axis, (key, scale, label) in zip(pair, _AXES, strict=True):
            for place, method in enumerate(plan.methods):
                look = {"color": arm_style(place).colour, "marker": _MARKERS[place // 7 % len(_MARKERS)]}
                x, y = _searched(plan, rows, method, dataset, case, key)
                ends = _means(measured, method, dataset, case, key)
                told = method if len(x) and not len(ends) else None
                axis.plot(scale * x, 100 * y, **look, linestyle="", label=told, markersize=3, alpha=0.5)
                if len(ends):
                    axis.plot(scale * ends[:, 0], 100 * ends[:, 1], **look, label=method, markersize=7)
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
            axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axis.xaxis.set_minor_formatter(NullFormatter())
            axis.set_xlabel(label, fontsize=8)
            axis.set_title(f"{dataset}, {case}", fontsize=10)
            plain_axes(axis)
        pair[0].set_ylabel("balanced test accuracy (%)", fontsize=8)
    handles = {label: line for axis in axes.flat for line, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    if handles:
        figure.legend(handles.values(), handles, loc="outside lower center", ncols=4, fontsize=7, frameon=False)
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
    """Return a method's measured cells, cheapest first, as ``(cells, 2)``: cost and accuracy."""
    found = [
        (np.mean([run[key] for run in runs]), np.mean([run["balanced_accuracy"] for run in runs]))
        for (cell, _), runs in measured.items()
        if (cell.method, cell.dataset, cell.case) == (method, dataset, case)
    ]
    return np.array(sorted(found))
