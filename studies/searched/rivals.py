"""The rivals of a searched study on a page of their own: their searches, their best, and the method beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from astraea.files import write_text
from astraea.tables import Table, number, value_spread
from searched.measured import COLUMNS, Measured, interval, measured
from searched.page import searches, told
from searched.plan import Plan
from searched.progress import Cell, cells, searched
from searched.scores import Scores
from searched.search import FAILED

__all__ = ["write_rivals"]

_JUDGED = COLUMNS[:2]


def write_rivals(plan: Plan, name: str, scores: Scores, folder: Path, command: str) -> bool:
    """Write the page of the plan's rivals into ``folder``; return whether the plan wants one and anything is known."""
    if plan.rivals is None or not scores.rows:
        return False
    first_case, first_budget = next(iter(plan.cases)), next(iter(plan.budgets))
    found = {one.cell: one for one in measured(plan, scores)}
    rivals = [cell for cell in cells(plan) if plan.methods[cell.method].rival and cell.case == first_case]
    lines = [f"# {plan.rivals.title}", "", plan.rivals.about.strip(), ""]
    lines += [f"Made by `{command}` from `studies/scores/{name}.jsonl`, which holds every run.", ""]
    about = (
        f"Every rival has its rate, its clients of a round and its own knob searched by [one rule]({name}.md) with "
        f"seed {plan.search_seed}, within {first_budget}, in the case '{first_case}'. Measured are other seeds, within "
        f"the same. The last columns are what `{plan.rivals.beside}` has more under the same seeds, with 95 % "
        "intervals (Student's t, not corrected for their number). * marks a knob at the end of its ladder."
    )
    lines += [about, ""]
    for dataset in plan.datasets:
        here = [cell for cell in rivals if (cell.dataset, cell.budget) == (dataset, first_budget)]
        beside = found.get(Cell(dataset, first_case, first_budget, plan.rivals.beside))
        known = [cell for cell in here if _tried(plan, scores, cell)]
        missing = [cell.method for cell in here if cell not in known]
        lines += [f"## {dataset}", ""]
        if known:
            lines += [_table(plan, scores, known, found, beside), ""]
        if missing:
            lines += [f"Not searched yet: {', '.join(missing)}.", ""]
    lines += searches(plan, scores, rivals)
    write_text(folder / f"{plan.rivals.page}.md", "\n".join(lines))
    return True


def _tried(plan: Plan, scores: Scores, cell: Cell) -> int:
    outcome = searched(plan, scores, cell)
    return 0 if outcome is None else len(outcome.tried)


def _table(
    plan: Plan, scores: Scores, known: Sequence[Cell], found: dict[Cell, Measured], beside: Measured | None
) -> str:
    rows = []
    for cell in known:
        outcome = searched(plan, scores, cell)
        assert outcome is not None
        best = outcome.tried[outcome.best]
        tried = f"{len(outcome.tried)}" if outcome.done else f"{len(outcome.tried)}, not finished"
        validated = "failed" if best == FAILED else number(100 * best)
        row = [plan.methods[cell.method].title or cell.method, told(plan, cell.method, outcome.best), tried, validated]
        one = found.get(cell)
        row += [column.text(one.runs.values()) if one else "" for column in _JUDGED]
        seeds = [seed for seed in one.runs if seed in beside.runs] if one and beside else []
        for column in _JUDGED:
            more = [
                100 * (beside.runs[seed][column.key] - one.runs[seed][column.key]) for seed in seeds if one and beside
            ]
            row.append(value_spread(*interval(more), signed=True) if more else "")
        rows.append([*row, str(len(one.runs)) if one else "0"])
    titles = ["rival", "best knobs", "tried", "validation (%)", *(column.title for column in _JUDGED)]
    titles += [f"more: {column.title.removesuffix(' (%)')}" for column in _JUDGED]
    return Table([*titles, "seeds"], rows).markdown()
