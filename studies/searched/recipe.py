"""What a reader of a frontier asks first: the recipe against the best rival of each cell, and the bytes it saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from astraea.tables import Table, number, value_spread
from searched.measured import COLUMNS, Measured, bytes_to, interval
from searched.plan import Plan

__all__ = ["against_the_best", "bytes_saved"]

_ACCURACY, _OWN, _BYTES = COLUMNS[0], COLUMNS[2], COLUMNS[4]
_OURS = ("astraea", "pooled")
"""What the names of arms begin with that are no rivals: Astraea itself, and one machine with all data."""


def against_the_best(plan: Plan, found: Sequence[Measured]) -> list[str]:
    """Return a table of the plan's recipe of each budget and the most accurate rival there, paired by seed.

    A second table counts the same for every method of Astraea, so that nobody has to trust the choice of the recipe. A
    method is compared once it has all of its seeds. Nothing is returned for a plan without recipes.
    """
    finished = _finished(plan, found)
    rivals = _best_rivals(plan, finished)
    rows, recipe, counts = [], list[float](), dict[str, list[float]]()
    for one in finished:
        best = rivals.get(_place(one))
        if best is None or not plan.methods[one.cell.method].arm.startswith("astraea"):
            continue
        accuracy, own = (
            interval([100 * (one.runs[seed][column.key] - best.runs[seed][column.key]) for seed in one.runs])
            for column in (_ACCURACY, _OWN)
        )
        counts.setdefault(one.cell.method, []).append(accuracy[0])
        if plan.recipes.get(one.cell.budget) == one.cell.method:
            recipe.append(accuracy[0])
            figures = [text for each in (one, best) for text in (_text(each), _BYTES.text(each.runs.values()))]
            told = [value_spread(*difference, signed=True) for difference in (accuracy, own)]
            rows.append([*_place(one), *figures[:2], best.cell.method, *figures[2:], *told, str(len(one.runs))])
    if not rows:
        return []
    recipes = "; ".join(f"within {budget}, `{method}`" for budget, method in plan.recipes.items())
    about = (
        f"The recipe is, {recipes}. It was chosen with results in view, so a second table counts for every method. "
        "Beside it stands whichever rival is the most accurate in that cell on the seeds that are shown, so that "
        f"chance favours the rival. Of {number(len(rows), 0)} cells the recipe is ahead in {_ahead(recipe)}, and more "
        f"than one point behind in {_behind(recipe)}. Differences are paired by seed, with 95 % intervals (Student's "
        "t, not corrected for their number)."
    )
    titles = ["data", "division", "budget", "recipe (%)", "MB", "best rival", "rival (%)", "MB"]
    titles += ["difference", "on the clients' own", "pairs"]
    counted = [[method, str(len(values)), _ahead(values), _behind(values)] for method, values in counts.items()]
    everything = Table(["method", "cells", "ahead of the best rival", "more than a point behind"], counted)
    lines = ["## The recipe and the best rival", "", about, "", Table(titles, rows).markdown(), ""]
    return [*lines, "Every method of Astraea against the best rival of each cell:", "", everything.markdown(), ""]


def _finished(plan: Plan, found: Sequence[Measured]) -> list[Measured]:
    """Return what has all of its seeds."""
    return [one for one in found if set(one.runs) == set(plan.seeds_at(one.cell.case, one.cell.budget))]


def _best_rivals(plan: Plan, finished: Sequence[Measured]) -> dict[tuple[str, str, str], Measured]:
    """Return the most accurate rival of every dataset, case and budget."""
    best: dict[tuple[str, str, str], Measured] = {}
    for one in finished:
        place = _place(one)
        if not plan.methods[one.cell.method].arm.startswith(_OURS) and (
            place not in best or _mean(one) > _mean(best[place])
        ):
            best[place] = one
    return best


def _place(one: Measured) -> tuple[str, str, str]:
    return one.cell.dataset, one.cell.case, one.cell.budget


def _mean(one: Measured) -> float:
    return float(_ACCURACY.values(one.runs.values()).mean())


def _ahead(differences: Sequence[float]) -> str:
    return str(sum(difference > 0 for difference in differences))


def _behind(differences: Sequence[float]) -> str:
    return str(sum(difference < -1 for difference in differences))


def bytes_saved(plan: Plan, found: Sequence[Measured]) -> list[str]:
    """Return a table of the bytes after which FedAvg's and Astraea's cheapest methods are as accurate as FedAvg.

    Both may take any bits and plan within the first budget. What to reach is the final accuracy of the plan's first
    method, under the same seed; a method counts where it gets there under every seed. Nothing is returned where no
    method of either does.
    """
    first_budget, first = next(iter(plan.budgets)), next(iter(plan.methods))
    finished, rows = _finished(plan, found), []
    for dataset in plan.datasets:
        for case in plan.cases:
            here = [one for one in finished if _place(one) == (dataset, case, first_budget)]
            aims = {seed: run["accuracy"] for one in here if one.cell.method == first for seed, run in one.runs.items()}
            cheapest = []
            for ours in (False, True):
                spent = [(_spent(one, aims), one.cell.method) for one in here if _takes_part(plan, one, ours=ours)]
                reached = [(sent, method) for sent, method in spent if sent is not None]
                cheapest += [min(reached)] if reached else []
            if len(cheapest) == 2:
                (theirs, their_name), (own, own_name) = cheapest
                share = number(own / theirs, 2)
                rows.append([dataset, case, their_name, _megabytes(theirs), own_name, _megabytes(own), share])
    if not rows:
        return []
    about = (
        f"To the final accuracy of `{first}`, under the same seeds: bytes of the cheapest plan of FedAvg and of the "
        f"cheapest of Astraea, whatever their bits, within {first_budget}. A plan counts if it gets there under every "
        "seed."
    )
    titles = ["data", "division", "FedAvg's cheapest", "MB", "Astraea's cheapest", "MB", "share"]
    return ["## Bytes to FedAvg's accuracy", "", about, "", Table(titles, rows).markdown(), ""]


def _takes_part(plan: Plan, one: Measured, *, ours: bool) -> bool:
    arm = plan.methods[one.cell.method].arm
    return arm.startswith("astraea") if ours else arm == plan.reference.arm


def _spent(one: Measured, aims: Mapping[int, float]) -> float | None:
    """Return the mean bytes to the accuracies of each seed; ``None`` if one of them is not reached."""
    sent = [bytes_to(one.runs[seed]["curve"], round(aim, 4)) for seed, aim in aims.items()]
    reached = [one for one in sent if one is not None]
    return sum(reached) / len(reached) if reached and len(reached) == len(sent) else None


def _megabytes(sent: float) -> str:
    return number(1e-6 * sent, 1)


def _text(one: Measured) -> str:
    return _ACCURACY.text(one.runs.values())
