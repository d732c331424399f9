"""Run a study and write its tables and picture: ``python studies/run.py NAME``. The same command goes on from there.

Every comparison is kept under runs/studies/NAME/DATASET/CASE, a folder for each run; what is finished is never run
again, also if another study needs the same run. Results are written after each comparison, from those folders alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from results import write_results
from rich.console import Console
from shared import FinishedRuns
from study import HERE, NAMES, Part, Study, load_study, parts

from astraea.cli.shell import friendly
from astraea.experiment.changes import parse_changes
from astraea.experiment.compare import compare
from astraea.experiment.comparison import load_comparison
from astraea.experiment.cost import estimate
from astraea.experiment.jobs import Job
from astraea.experiment.prepare import prepare

_CONSOLE = Console(stderr=True, highlight=False)


def main(
    name: Annotated[str, typer.Argument(help=f"A study: {', '.join(NAMES)}.")],
    dataset: Annotated[
        list[str] | None, typer.Option(help="Only this dataset, or another of studies/data; may be repeated.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Runs side by side.")] = 2,
    seeds: Annotated[int | None, typer.Option(min=1, help="Another number of seeds.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where runs are kept; by default runs/studies.")] = None,
    results: Annotated[Path | None, typer.Option(help="Where tables go; by default docs/results.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE for every arm, such as engine.device=cuda.")
    ] = None,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Tiny sizes, 1 seed: whether it runs, not what it finds.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Run nothing: say how many runs and hours it takes.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Run nothing: write the results of what is finished.")
    ] = False,
) -> None:
    """Run a study, or go on with it, and write its results."""
    with friendly(resume="the same command"):
        study = load_study(name)
        kept = (out or Path("runs/studies-smoke" if smoke else "runs/studies")) / name
        pages = results or (kept / "results" if smoke else HERE.parent / "docs" / "results")
        datasets = list(dict.fromkeys([*study.datasets, *(dataset or ())]))
        number = seeds or (1 if smoke else study.seeds)
        asked = () if report else parts(study, dataset or (), smoke=smoke, more=parse_changes(changes or ()))
        hours = 0.0
        for part in asked:
            if dry_run:
                hours += _announce(name, part, number) / jobs
                continue
            _CONSOLE.print(f"{name}: {part.dataset}, {part.case}: {len(part.arms)} arms")
            compare(
                part.arms,
                number,
                _folder(kept, part.dataset, part.case),
                rates=part.rates,
                schedules=part.schedules,
                jobs=jobs,
                watch=_Watch(),
                known=FinishedRuns(kept.parent),
            )
            _write(study, name, kept, datasets, pages)
        if dry_run:
            _CONSOLE.print(f"{name}: {hours:.1f} hours with {jobs} side by side, beside what is finished already")
            return
        where = f"results in {pages}" if _write(study, name, kept, datasets, pages) else "nothing is finished yet"
        _CONSOLE.print(f"{name}: {where}")


def _announce(name: str, part: Part, seeds: int) -> float:
    """Say what a comparison takes, and return its hours on one core: every arm processes the first one's samples."""
    experiment = prepare(next(iter(part.arms.values())))
    cost = estimate(experiment)
    experiment.engine.close()
    hours = part.runs(seeds) * cost.seconds / 3600
    _CONSOLE.print(
        f"{name}: {part.dataset}, {part.case}: {part.runs(seeds)} runs of {cost.samples_processed:,} samples, "
        f"{cost.seconds:.0f} s each: {hours:.1f} core hours"
    )
    return hours


def _folder(kept: Path, dataset: str, case: str) -> Path:
    return kept / dataset / case.replace(" ", "-")


def _write(study: Study, name: str, kept: Path, datasets: Sequence[str], pages: Path) -> bool:
    """Write the results of all that is finished, whoever asked for it; return whether anything is."""
    finished = {
        (dataset, case): load_comparison(_folder(kept, dataset, case))
        for dataset in datasets
        for case in study.cases
        if (_folder(kept, dataset, case) / "comparison.json").is_file()
    }
    if finished:
        write_results(study, name, finished, pages, f"python studies/run.py {name}")
    return bool(finished)


class _Watch:
    """Says when the number of finished runs changes."""

    def __init__(self) -> None:
        self.seen = (-1, -1)

    def __call__(self, jobs: Sequence[Job], finished: int) -> None:
        if (finished, len(jobs)) != self.seen:
            self.seen = (finished, len(jobs))
            _CONSOLE.print(f"  {finished} of {len(jobs)} runs")


if __name__ == "__main__":
    typer.run(main)
