"""What a searched study needs next, and what it has found, from its scores alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from astraea.errors import InputError
from searched.plan import Plan, Setup
from searched.scores import Scores
from searched.search import Outcome, Point, search

__all__ = ["ALL", "Cell", "Only", "Wanted", "cells", "chosen", "searched", "wanted"]


@dataclass(frozen=True)
class Cell:
    """A method on a dataset, divided as a case says, within a budget."""

    dataset: str
    case: str
    budget: str
    method: str


@dataclass(frozen=True)
class Wanted:
    """A run that is not done yet: ``setup`` for as long as ``budget`` lasts."""

    setup: Setup
    budget: str


@dataclass(frozen=True)
class Only:
    """The cells to be run now, those of the named datasets, cases, budgets and methods; nothing named is all."""

    datasets: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    budgets: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()

    def check(self, plan: Plan) -> None:
        """Raise :class:`InputError` if the study has no dataset, case, budget or method of a name."""
        known = {
            "dataset": plan.datasets,
            "case": tuple(plan.cases),
            "budget": tuple(plan.budgets),
            "method": tuple(plan.methods),
        }
        named = {"dataset": self.datasets, "case": self.cases, "budget": self.budgets, "method": self.methods}
        for kind, names in named.items():
            for name in names:
                if name not in known[kind]:
                    raise InputError(f"the study has no {kind} '{name}'; it has {', '.join(known[kind])}")

    def holds(self, cell: Cell) -> bool:
        """Return whether a cell is one of them."""
        named = (
            (cell.dataset, self.datasets),
            (cell.case, self.cases),
            (cell.budget, self.budgets),
            (cell.method, self.methods),
        )
        return all(not names or name in names for name, names in named)


ALL = Only()


def cells(plan: Plan) -> list[Cell]:
    """Return all cells, in the order in which a page tells them."""
    return [
        Cell(dataset, case, budget, method)
        for dataset in plan.datasets
        for case in plan.cases
        for budget in plan.budgets
        for method in plan.methods_at(budget)
    ]


def _groups(plan: Plan, only: Only) -> list[list[Cell]]:
    """Return the cells that are run together, the most wanted first: case by case, rivals last, budget by budget."""
    cases, budgets, datasets = list(plan.cases), list(plan.budgets), list(plan.datasets)

    def rank(cell: Cell) -> tuple[int, bool, int, int]:
        rival = plan.methods[cell.method].rival
        return cases.index(cell.case), rival, budgets.index(cell.budget), datasets.index(cell.dataset)

    return [list(group) for _, group in groupby(sorted(filter(only.holds, cells(plan)), key=rank), key=rank)]


def setup_of(plan: Plan, cell: Cell, knobs: Point, seed: int) -> Setup:
    """Return what is run for a cell at ``knobs``."""
    return Setup(cell.dataset, cell.case, plan.methods[cell.method].arm, knobs, seed)


def searched(plan: Plan, scores: Scores, cell: Cell) -> Outcome | None:
    """Return the search of a cell so far; ``None`` while the search that it begins with is not done.

    In the study's first case it begins, within the first budget, where the method says, and within others where that
    search ended, if there is anything to search. In other cases it begins where the first case's ended within the same
    budget, and moves the knobs that the plan searches ``again``.
    """
    first_case, first_budget = next(iter(plan.cases)), next(iter(plan.budgets))
    method = plan.methods[cell.method]
    start, knobs = plan.start(cell.dataset, cell.method), method.search
    before = None
    if cell.case != first_case:
        before = replace(cell, case=first_case)
        knobs = tuple(knob for knob in method.search if knob in plan.again)
    elif method.search and cell.budget != first_budget and cell.method in plan.methods_at(first_budget):
        before = replace(cell, budget=first_budget)
    if before is not None:
        found = searched(plan, scores, before)
        if found is None or not found.done:
            return None
        if not knobs:
            return found
        start = found.best

    def score(knobs: Point) -> float | None:
        return scores.validation(setup_of(plan, cell, knobs, plan.search_seed), cell.budget)

    clients = plan.clients(cell.dataset, method.arm)

    def possible(knobs: Point) -> bool:
        shape = dict(knobs)
        return clients is None or shape.get("chains", 1) * shape.get("chain", 1) <= clients

    return search(start, knobs, plan.ladders, score, possible)


def chosen(plan: Plan, scores: Scores, cell: Cell) -> Point | None:
    """Return the knobs that a cell's seeds are measured at, or ``None`` while they are searched."""
    found = searched(plan, scores, cell)
    return None if found is None or not found.done else found.best


def wanted(plan: Plan, scores: Scores, *, ahead: bool = False, only: Only = ALL) -> Iterator[Wanted]:
    """Yield the runs that are needed and can be started now, the most wanted first.

    Within a group each method is searched and measured under the first seed, one method after another; then come the
    other seeds of all methods. With ``ahead``, for machines of many cores, a group's searches then go on as if the
    best so far were the best, before the next group begins.
    """
    for members in _groups(plan, only):
        seeds = plan.seeds_at(members[0].case, members[0].budget)
        best: dict[Cell, Point] = {}
        later: list[Wanted] = []
        for cell in members:
            found = searched(plan, scores, cell)
            if found is None:
                continue
            if not found.done:
                for knobs in found.missing:
                    yield Wanted(setup_of(plan, cell, knobs, plan.search_seed), cell.budget)
                later += [Wanted(setup_of(plan, cell, knobs, plan.search_seed), cell.budget) for knobs in found.likely]
            else:
                best[cell] = found.best
                yield from _unmeasured(plan, scores, cell, found.best, seeds[:1])
        for seed in seeds[1:]:
            for cell, knobs in best.items():
                yield from _unmeasured(plan, scores, cell, knobs, (seed,))
        if ahead:
            yield from later


def _unmeasured(plan: Plan, scores: Scores, cell: Cell, knobs: Point, seeds: tuple[int, ...]) -> Iterator[Wanted]:
    for seed in seeds:
        setup = setup_of(plan, cell, knobs, seed)
        if scores.validation(setup, cell.budget) is None:
            yield Wanted(setup, cell.budget)
