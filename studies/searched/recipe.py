"""The recipe against the best rival of each cell, whichever that is: what a reader of a frontier asks first."""

from __future__ import annotations

from collections.abc import Sequence

from astraea.tables import Table, number, value_spread
from searched.measured import COLUMNS, Measured, interval
from searched.plan import Plan

__all__ = ["against_the_best"]

_ACCURACY, _OWN, _BYTES = COLUMNS[0], COLUMNS[2], COLUMNS[4]
_OURS = ("astraea", "pooled")
"""What the names of arms begin with that are no rivals: Astraea itself, and one machine with all data."""


def against_the_best(plan: Plan, found: Sequence[Measured]) -> list[str]:
    """Return a table of the plan's recipe of each budget and the most accurate rival there, paired by seed.

    A rival is compared once it has all of its seeds. Nothing is returned for a plan without recipes.
    """
    rows, ahead, behind = [], 0, 0
    known = {one.cell: one for one in found}
    for one in found:
        cell = one.cell
        if plan.recipes.get(cell.budget) != cell.method:
            continue
        seeds = plan.seeds_at(cell.case, cell.budget)
        rivals = [
            other
            for place, other in known.items()
            if (place.dataset, place.case, place.budget) == (cell.dataset, cell.case, cell.budget)
            and not plan.methods[place.method].arm.startswith(_OURS)
            and set(other.runs) == set(seeds) == set(one.runs)
        ]
        if not rivals:
            continue
        best = max(rivals, key=lambda other: float(_ACCURACY.values(other.runs.values()).mean()))
        accuracy, own = (
            interval([100 * (one.runs[seed][column.key] - best.runs[seed][column.key]) for seed in seeds])
            for column in (_ACCURACY, _OWN)
        )
        ahead += accuracy[0] > 0
        behind += accuracy[0] < -1
        figures = [text for each in (one, best) for text in (_text(each), _BYTES.text(each.runs.values()))]
        told = [value_spread(*difference, signed=True) for difference in (accuracy, own)]
        place = [cell.dataset, cell.case, cell.budget]
        rows.append([*place, *figures[:2], best.cell.method, *figures[2:], *told, str(len(seeds))])
    if not rows:
        return []
    recipes = "; ".join(f"within {budget}, `{method}`" for budget, method in plan.recipes.items())
    about = (
        f"The recipe is, {recipes}. Beside it stands whichever rival is the most accurate in that cell on the seeds "
        f"that are shown, so that chance favours the rival. Of {number(len(rows), 0)} cells the recipe is ahead in "
        f"{number(ahead, 0)}, and more than one point behind in {number(behind, 0)}. Differences are paired by seed, "
        "with 95 % intervals (Student's t, not corrected for their number)."
    )
    titles = ["data", "division", "budget", "recipe (%)", "MB", "best rival", "rival (%)", "MB"]
    titles += ["difference", "on the clients' own", "pairs"]
    return ["## The recipe and the best rival", "", about, "", Table(titles, rows).markdown(), ""]


def _text(one: Measured) -> str:
    return _ACCURACY.text(one.runs.values())
