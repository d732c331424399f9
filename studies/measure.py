"""Run a searched study and write its tables and picture: ``python studies/measure.py NAME``.

Every method's knobs are searched by one rule within each budget, on a seed that is not measured. The score of a
finished run is kept as a line in studies/scores, and what is there is never run again. The page is made from these
lines alone, also while the study is not finished.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from searched.datasets import dataset_of
from searched.limits import limits_of, rounds_within
from searched.page import write_page
from searched.plan import Plan, Setup, load_plan
from searched.progress import Only, Wanted, wanted
from searched.rivals import write_rivals
from searched.scores import Scores, row_of, shape_of
from study import HERE

from astraea.cli.shell import friendly
from astraea.errors import RunError
from astraea.experiment.run import run
from astraea.workers import worker_pool

_CONSOLE = Console(stderr=True, highlight=False)


def main(
    name: Annotated[str, typer.Argument(help="A study, such as frontier, or the path of its file.")],
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Runs side by side.")] = 2,
    minutes: Annotated[float | None, typer.Option(min=0, help="Begin no run after so many minutes.")] = None,
    scores: Annotated[Path | None, typer.Option(help="Where scores are kept; by default studies/scores.")] = None,
    results: Annotated[Path | None, typer.Option(help="Where the page goes; by default docs/results.")] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="Only this dataset; may be repeated.")] = None,
    case: Annotated[list[str] | None, typer.Option(help="Only this case; may be repeated.")] = None,
    budget: Annotated[list[str] | None, typer.Option(help="Only this budget; may be repeated.")] = None,
    method: Annotated[list[str] | None, typer.Option(help="Only this method; may be repeated.")] = None,
    ahead: Annotated[
        bool, typer.Option("--ahead", help="Run also what is likely to be needed, for many cores.")
    ] = False,
    device: Annotated[
        str, typer.Option(help="Where models are trained: cpu, or cuda, which a score then names.")
    ] = "cpu",
    report: Annotated[bool, typer.Option("--report", help="Run nothing: write the page of what is finished.")] = False,
) -> None:
    """Run a searched study, or go on with it, and write its results."""
    with friendly(resume="the same command"):
        file = Path(name) if name.endswith(".toml") else HERE / f"{name}.toml"
        plan = load_plan(file)
        known = Scores(scores or HERE / "scores", file.stem, plan)
        if not report:
            only = Only(tuple(dataset or ()), tuple(case or ()), tuple(budget or ()), tuple(method or ()))
            only.check(plan)
            until = float("inf") if minutes is None else time.monotonic() + 60 * minutes
            _measure(plan, known, jobs, until, device, ahead=ahead, only=only)
        pages = results or HERE.parent / "docs" / "results"
        told = write_page(plan, file.stem, known, pages, f"python studies/measure.py {name}")
        write_rivals(plan, file.stem, known, pages, f"python studies/measure.py {name}")
        _CONSOLE.print(f"{file.stem}: {f'results in {pages}' if told else 'nothing is finished yet'}")


def _measure(plan: Plan, known: Scores, jobs: int, until: float, device: str, *, ahead: bool, only: Only) -> None:
    """Run what is wanted, most wanted first, until nothing is or the time is over; what has begun is ended."""
    with worker_pool(jobs) as pool:
        running: dict[Future[Any], _Job] = {}
        while True:
            for one in wanted(plan, known, ahead=ahead, only=only) if time.monotonic() < until else ():
                if len(running) >= jobs:
                    break
                job = _next_job(plan, known, one, device)
                if job is not None and job not in running.values():
                    running[pool.submit(job.work, plan, *job.arguments)] = job
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                job = running.pop(future)
                job.keep(known, future.result())


@dataclass(frozen=True)
class _Job:
    """What a worker does, and what is kept of what it gives; two of the same work are the same."""

    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    keep: Callable[[Scores, Any], None] = field(compare=False)


def _next_job(plan: Plan, known: Scores, one: Wanted, device: str) -> _Job | None:
    """Return what is to be done first for a run: the budgets' limits, the rounds that fit into them, or the run.

    ``None`` if not even one round fits. How long a run is depends on what rounds cost alone, so that rates share it.
    """
    setup = one.setup
    where = (setup.dataset, setup.case, setup.seed)
    limits, fitting = known.limits(*where), known.rounds(setup)
    if limits is None:
        return _Job(limits_of, where, lambda scores, found: scores.add_limits(*where, found))
    if fitting is None:
        shape = shape_of(setup)
        return _Job(rounds_within, (shape, limits), lambda scores, found: scores.add_rounds(shape, found))
    rounds = fitting[one.budget]
    return (
        _Job(_score, (setup, rounds, device), lambda scores, row: _keep(scores, setup, rounds, row)) if rounds else None
    )


def _keep(known: Scores, setup: Setup, rounds: int, row: dict[str, Any]) -> None:
    known.add_run(setup, rounds, row)
    told = row.get("failed") or f"{100 * row['validation']:.1f} % on validation, {row['seconds']} s"
    where = f"{setup.dataset}, {setup.case}, {setup.arm}, seed {setup.seed}"
    _CONSOLE.print(f"{where}: {dict(setup.knobs)}, {rounds} rounds: {told}")


def _score(plan: Plan, setup: Setup, rounds: int, device: str) -> dict[str, Any]:
    """Run, and return the score; a rate at which training breaks down has one too."""
    try:
        settings = setup.settings(plan, rounds, device)
        return row_of(run(settings, dataset=dataset_of(settings.data)), device)
    except RunError as error:
        return {"failed": str(error)}


if __name__ == "__main__":
    typer.run(main)
