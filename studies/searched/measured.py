"""The finished cells of a searched study, and what is read off them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from astraea.tables import Column
from searched.plan import Plan
from searched.progress import Cell, cells, chosen, setup_of
from searched.scores import Scores
from searched.search import Point

__all__ = ["COLUMNS", "JUDGED", "Measured", "bytes_to", "interval", "measured"]


@dataclass(frozen=True)
class Measured:
    """A cell's knobs and the runs that are finished at them, by seed."""

    cell: Cell
    knobs: Point
    runs: Mapping[int, Mapping[str, Any]]


COLUMNS = (
    Column("balanced_accuracy", "balanced test (%)", 100),
    Column("tail_recall", "rarest quarter (%)", 100),
    Column("client_accuracy", "clients' own, mean (%)", 100),
    Column("worst_decile", "clients' own, worst tenth (%)", 100),
    Column("bytes", "MB", 1e-6, 0, spread=False),
    Column("critical_path_steps", "critical path (k steps)", 1e-3, spread=False),
    Column("samples", "samples (k)", 1e-3, 0, spread=False),
    Column("storage_overhead", "extra storage (%)", 100, 0, spread=False),
)
JUDGED = ("balanced_accuracy", "tail_recall", "client_accuracy", "worst_decile")


def measured(plan: Plan, scores: Scores) -> list[Measured]:
    """Return every cell whose search is done and of which at least one seed is finished."""
    found = []
    for cell in cells(plan):
        knobs = chosen(plan, scores, cell)
        if knobs is None:
            continue
        runs = {
            seed: scores.run(setup_of(plan, cell, knobs, seed), cell.budget)
            for seed in plan.seeds_at(cell.case, cell.budget)
        }
        finished = {seed: run for seed, run in runs.items() if run is not None and "failed" not in run}
        if finished:
            found.append(Measured(cell, knobs, finished))
    return found


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """Return the mean of paired differences and half the width of its 95 % interval (Student's t).

    One difference has no interval: its width is NaN.
    """
    values = np.array(differences)
    if len(values) < 2:
        return float(values.mean()), float("nan")
    width = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(width)


def bytes_to(curve: Sequence[Sequence[float]], accuracy: float) -> float | None:
    """Return the bytes that were sent when ``accuracy`` was first measured, or ``None`` if it never was."""
    return next((sent for sent, reached in curve if reached >= accuracy), None)
