"""A searched study as a page, from its scores alone: tables, paired differences, every search, and a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from astraea.figures import write_figure
from astraea.files import write_text
from astraea.tables import Table, number, value_spread
from searched.measured import COLUMNS, JUDGED, Measured, bytes_to, interval, measured
from searched.picture import draw
from searched.plan import Plan
from searched.progress import Cell, cells, chosen, searched
from searched.recipe import against_the_best, bytes_saved
from searched.scores import Scores
from searched.search import FAILED, Outcome, Point

__all__ = ["searches", "told", "write_page"]


_CAPTION = (
    "Large: measured cells, mean and standard deviation over seeds. Small: what their searches tried, on another seed. "
    "Of these the best by validation samples was taken, not the best by what is shown."
)


def write_page(plan: Plan, name: str, scores: Scores, folder: Path, command: str) -> bool:
    """Write NAME.md and NAME.png into ``folder``; return whether there is anything to tell."""
    if not scores.rows:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    found = measured(plan, scores)
    points = {(one.cell, one.knobs): list(one.runs.values()) for one in found}
    write_figure(folder / f"{name}.png", draw(plan, scores.rows, points), dpi=110)
    write_text(folder / f"{name}.md", "\n".join(_page(plan, name, scores, found, command)))
    return True


def _page(plan: Plan, name: str, scores: Scores, found: Sequence[Measured], command: str) -> list[str]:
    lines = [f"# {plan.title}", "", plan.about.strip(), ""]
    lines += [f"Made by `{command}` from `studies/scores/{name}.jsonl`, which holds every run.", ""]
    lines += [_state(plan, scores, found), "", _conditions(plan), "", _machines(scores), ""]
    lines += [f"![{plan.title}]({name}.png)", ""]
    lines += [_CAPTION, "", *against_the_best(plan, found), *bytes_saved(plan, found)]
    groups = dict.fromkeys((cell.dataset, cell.case, cell.budget) for cell in cells(plan))
    for dataset, case, budget in groups:
        here = [one for one in found if (one.cell.dataset, one.cell.case, one.cell.budget) == (dataset, case, budget)]
        if not here:
            continue
        lines += [f"## {dataset}, {case}: {budget}", "", f"{plan.cases[case].about}; {plan.budgets[budget].about}.", ""]
        lines += [_results(plan, here), "", *_contrasts(plan, here)]
    rivals = plan.rivals
    if rivals is not None:
        lines += [f"What the rivals were searched for is on [a page of its own]({rivals.page}.md).", ""]
    shown = [cell for cell in cells(plan) if rivals is None or not plan.methods[cell.method].rival]
    return lines + searches(plan, scores, shown)


def _state(plan: Plan, scores: Scores, found: Sequence[Measured]) -> str:
    """Say how much of the study is finished."""
    everything = cells(plan)
    first = next(iter(plan.cases))
    searches = [cell for cell in everything if cell.case == first or _again(plan, cell)]
    done = sum(chosen(plan, scores, cell) is not None for cell in searches)
    runs = sum(len(one.runs) for one in found)
    fitting = [cell for cell in everything if not _fails(searched(plan, scores, cell))]
    planned = sum(len(plan.seeds_at(cell.case, cell.budget)) for cell in fitting)
    if (done, runs) == (len(searches), planned):
        return f"Finished: {done} searches and {runs} measurements; {len(scores.rows)} runs in all."
    return (
        f"**Partial**: {done} of {len(searches)} searches and {runs} of {planned} measurements are finished "
        f"({len(scores.rows)} runs in all). What is not finished is left out; a row says how many of its seeds it has."
    )


def _fails(outcome: Outcome | None) -> bool:
    """Whether a method cannot be run within a budget at all."""
    return outcome is not None and outcome.done and outcome.tried[outcome.best] == FAILED


def _conditions(plan: Plan) -> str:
    seeds = ", ".join(map(str, plan.seeds))
    return (
        f"Knobs were searched with seed {plan.search_seed} on a tenth of every class's training samples, held out. For "
        "a rare class that is a handful, so scores of a search are uncertain by several points. Its choice rests on "
        f"one seed. Measured are other seeds ({seeds}), by the model after the last round. A search begins at a start "
        "and goes up and down each knob's ladder (rates by factors of two). It ends when the best has been compared "
        f"with both neighbours on every ladder. {_elsewhere(plan)} * marks a knob at the end of its ladder. Bytes "
        "count each hand-over of a model both ways. The balanced test has as many samples of every class, so accuracy "
        "and balanced accuracy are the same on it. On the clients' own distributions accuracy is weighted by each "
        f"client's classes. The last figure of a row is what was sent when {next(iter(plan.methods))}'s final accuracy "
        "was first measured, under the same seed. In brackets is its share of what that sent in all."
    )


def _elsewhere(plan: Plan) -> str:
    """Say what is searched in the cases after the first."""
    made = f"It is made in one division of each dataset ({next(iter(plan.cases))}). "
    if not plan.again:
        return made + "Others reuse its knobs."
    return (
        made + f"In others it goes on from there, within the same budget, and moves {' and '.join(plan.again)} alone."
    )


def _machines(scores: Scores) -> str:
    """Say which kinds of machine ran how much: rounding, and so the last digits, differ between them."""
    kinds = Counter(row.get("machine", "a kind that was not noted") for row in scores.rows)
    told = "; ".join(f"{number(runs, 0)} on {kind}" for kind, runs in kinds.most_common())
    return (
        f"Runs by kind of machine: {told}. On one kind a run gives the same bytes again. On another, sums are rounded "
        "otherwise, and a run of the same seed ends with another model, as good on average."
    )


def _results(plan: Plan, here: Sequence[Measured]) -> str:
    rows = []
    first = next((one for one in here if one.cell.method == next(iter(plan.methods))), None)
    for one in sorted(here, key=lambda one: -COLUMNS[0].values(one.runs.values()).mean()):
        figures = [column.text(one.runs.values()) for column in COLUMNS]
        seeds = f"{len(one.runs)} of {len(plan.seeds_at(one.cell.case, one.cell.budget))}"
        rows.append([one.cell.method, *figures, _traffic(first, one), told(plan, one.cell.method, one.knobs), seeds])
    titles = ["method", *(column.title for column in COLUMNS), f"MB to {next(iter(plan.methods))}'s", "knobs", "seeds"]
    return Table(titles, rows).markdown()


def _traffic(first: Measured | None, one: Measured) -> str:
    """Return the bytes to the final accuracy of the first method under the same seed, and their share of its own."""
    pairs = [] if first is None else [(one.runs[seed], first.runs[seed]) for seed in one.runs if seed in first.runs]
    if not pairs:
        return ""
    found = [(bytes_to(run["curve"], round(other["accuracy"], 4)), other["bytes"]) for run, other in pairs]
    reached = [(sent, whole) for sent, whole in found if sent is not None]
    if not reached:
        return "not reached"
    sent = sum(sent for sent, _ in reached) / len(reached)
    share = sum(sent / whole for sent, whole in reached) / len(reached)
    partly = "" if len(reached) == len(pairs) else f", {len(reached)} of {len(pairs)} seeds"
    return f"{number(1e-6 * sent, 0)} ({number(share, 2)}{partly})"


def _contrasts(plan: Plan, here: Sequence[Measured]) -> list[str]:
    known = {one.cell.method: one.runs for one in here}
    rows = []
    for better, other in plan.contrasts:
        seeds = [seed for seed in known.get(better, {}) if seed in known.get(other, {})]
        if seeds:
            differences = [
                interval([100 * (known[better][seed][key] - known[other][seed][key]) for seed in seeds])
                for key in JUDGED
            ]
            told = [value_spread(*difference, signed=True) for difference in differences]
            rows.append([f"{better} − {other}", *told, str(len(seeds))])
    if not rows:
        return []
    titles = ["points", *(column.title.removesuffix(" (%)") for column in COLUMNS[: len(JUDGED)]), "pairs"]
    several = f"{len(JUDGED) * len(rows)} comparisons, not corrected for their number"
    about = f"Differences paired by seed, with 95 % intervals (Student's t; {several}):"
    return [about, "", Table(titles, rows).markdown(), ""]


def searches(plan: Plan, scores: Scores, shown: Sequence[Cell]) -> list[str]:
    """Return the searches of cells: a row for each shape and other knobs, a column for each rate."""
    lines = ["## What was searched", ""]
    lines += [
        "Balanced accuracy (%) on validation samples, by rate; the best is bold, and **…** is still to be run.",
        "",
    ]
    first = next(iter(plan.cases))
    for cell in shown:
        if cell.case != first and not _again(plan, cell):
            continue
        outcome = searched(plan, scores, cell)
        if outcome is None or not outcome.tried:
            continue
        every = {**outcome.tried, **dict.fromkeys(outcome.missing)}
        rates = sorted({dict(knobs)["rate"] for knobs in every})
        others = list(dict.fromkeys(_without_rate(knobs) for knobs in every))
        rows = []
        for other in others:
            row = [", ".join(f"{name} {value:g}" for name, value in other)]
            for rate in rates:
                at = next((one for one in every if _without_rate(one) == other and dict(one)["rate"] == rate), None)
                row.append("" if at is None else _score(every[at], best=at == outcome.best and outcome.done))
            rows.append(row)
        state = "" if outcome.done else " (not finished)"
        where = cell.dataset if cell.case == first else f"{cell.dataset}, {cell.case}"
        lines += [f"### {where}, {cell.budget}: {cell.method}{state}", ""]
        lines += [Table(["knobs", *(f"{rate:g}" for rate in rates)], rows).markdown(), ""]
    return lines


def _again(plan: Plan, cell: Cell) -> bool:
    """Return whether a cell of another case than the first has a search of its own."""
    return any(knob in plan.again for knob in plan.methods[cell.method].search)


def _score(value: float | None, *, best: bool) -> str:
    if value is None:
        return "**…**"
    told = "failed" if value == FAILED else number(100 * value)
    return f"**{told}**" if best else told


def _without_rate(knobs: Point) -> Point:
    return tuple((name, value) for name, value in knobs if name != "rate")


def told(plan: Plan, method: str, knobs: Point) -> str:
    """Return the knobs as text; a searched one at the end of its ladder is marked."""
    parts = []
    for name, value in knobs:
        ladder = plan.ladders[name].values if name in plan.methods[method].search else ()
        at_end = ladder and value in (min(ladder), max(ladder))
        parts.append(f"{name} {value:g}" + ("*" if at_end else ""))
    return ", ".join(parts)
