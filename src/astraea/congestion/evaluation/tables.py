"""From outcomes to tables: a row for each group and arm, a figure over all seeds and one for each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from astraea.congestion.evaluation.runner import Evaluation
from astraea.congestion.evaluation.suite import Column, Outcome, Suite
from astraea.tables import value_spread

__all__ = ["ALL", "REFERENCE", "Cell", "Row", "SuiteTable", "tabulate"]

ALL = "all"
REFERENCE = "cubic"


@dataclass(frozen=True)
class Cell:
    """A figure over the worlds of all seeds; NaN where it does not apply, infinite for a time that never came."""

    value: float
    by_seed: tuple[float, ...]

    @property
    def spread(self) -> float:
        """The sample standard deviation over seeds; NaN for fewer than two, or if one is no number."""
        known = np.array(self.by_seed)
        return float(known.std(ddof=1)) if len(known) > 1 and np.isfinite(known).all() else math.nan

    def text(self, column: Column, *, spread: bool = True) -> str:
        """Return the figure as people read it: a dash for NaN, ``never``, or a number, with its spread over seeds."""
        scale = 100.0 if column.percent else 1.0
        return value_spread(self.value * scale, self.spread * scale if spread else math.nan, column.digits)


@dataclass(frozen=True)
class Row:
    """One arm in one group."""

    group: float | str
    arm: str
    worlds: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class SuiteTable:
    """One suite's figures."""

    suite: Suite
    rows: tuple[Row, ...]
    seconds: dict[str, float]  # processor time that simulating took, by arm
    fallback: dict[str, float]  # share of the time in which flows under a policy had set it aside, by arm that has one

    @property
    def groups(self) -> list[float | str]:
        """The groups in order."""
        return list(dict.fromkeys(row.group for row in self.rows))

    def cell(self, group: float | str, arm: str, key: str) -> Cell:
        """Return one figure by the key of its column; ``KeyError`` if it is not there."""
        column = [column.key for column in self.suite.columns].index(key)
        for row in self.rows:
            if (row.group, row.arm) == (group, arm):
                return row.cells[column]
        raise KeyError((group, arm, key))


def tabulate(evaluation: Evaluation, suite: Suite) -> SuiteTable:
    """Return the table of one suite."""
    outcomes = evaluation.of(suite.name)
    groups: list[float | str] = [ALL] if suite.total or not suite.group else []
    if suite.group:
        groups += dict.fromkeys(outcome.conditions[suite.group] for outcome in outcomes)
    rows = []
    for group in groups:
        here = [o for o in outcomes if group == ALL or o.conditions[suite.group] == group]
        reference = [o for o in here if o.arm == REFERENCE]
        for arm in evaluation.arms:
            own = [o for o in here if o.arm == arm.name]
            cells = tuple(_cell(column, own, reference, evaluation.seeds) for column in suite.columns)
            rows.append(Row(group, arm.name, len(own), cells))
    seconds = {arm.name: math.fsum(o.seconds for o in outcomes if o.arm == arm.name) for arm in evaluation.arms}
    fallback = {}
    for arm in evaluation.arms:
        shares = [o.values.get("fallback", math.nan) for o in outcomes if o.arm == arm.name]
        known = [share for share in shares if share is not None and not math.isnan(share)]
        if known:
            fallback[arm.name] = math.fsum(known) / len(known)
    return SuiteTable(suite, tuple(rows), seconds, fallback)


def _cell(column: Column, own: Sequence[Outcome], reference: Sequence[Outcome], seeds: Sequence[int]) -> Cell:
    def over(some: Sequence[Outcome]) -> float:
        return column.of(some, reference) if some else math.nan

    return Cell(over(own), tuple(over([o for o in own if o.seed == seed]) for seed in seeds))
