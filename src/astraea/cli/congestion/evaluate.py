"""``astraea congestion evaluate``: controllers and policies through the suites."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from astraea.cli.options import DataDirOption, JsonOption
from astraea.cli.shell import ERR, OUT, friendly
from astraea.progress import Bar

if TYPE_CHECKING:
    from astraea.congestion.evaluation.runner import Job

__all__ = ["evaluate"]


def evaluate(
    suites: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SUITE]...",
            help="Suites, by default all.",
            show_default=False,
        ),
    ] = None,
    arms: Annotated[
        str,
        typer.Option(
            "--arms", "-a", help="Comma-separated controllers; NAME=FILE is a policy of your own under a new name."
        ),
    ] = "newreno,cubic,vegas,copa,bbr,bbr3,policy",
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="Of the arm 'policy': a file, or deep; by default the law."),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Sets of worlds, under consecutive seeds.")] = 3,
    first_seed: Annotated[
        int, typer.Option("--first-seed", min=0, help="The first of them: other worlds of the same kinds.")
    ] = 0,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes side by side.")] = 1,
    worlds: Annotated[
        int | None,
        typer.Option("--worlds", min=1, help="At most so many worlds of each suite, arm and seed, evenly chosen."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the evaluation.")] = Path("runs/evaluation"),
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Evaluate controllers and policies: every arm in the same worlds, a table and a picture for each suite.

    Suites: staggered, grid, extended, rtt, buffers, loss, satellite, traces, bottlenecks, incast, friendliness, short,
    many, clocks, crowd, tiny, noise, changing, groups, transfer, fast, reverse. Whatever is finished is kept: the same
    command goes on where it stopped, and another arm is only added.
    """
    with friendly(resume="the same command"):
        from astraea.congestion.evaluation.arms import parse_arms
        from astraea.congestion.evaluation.catalogue import suites_named
        from astraea.congestion.evaluation.runner import evaluate as run_all
        from astraea.congestion.evaluation.suite import CONDITIONS
        from astraea.report.congestion.evaluation import evaluation_summary, evaluation_text, write_evaluation

        given = os.environ.get("ASTRAEA_DATA")
        chosen, contestants = suites_named(suites or ()), parse_arms(arms.split(","), policy)
        with _Worlds("worlds", ERR) as bar:
            found = run_all(
                chosen,
                contestants,
                out,
                seeds=seeds,
                first_seed=first_seed,
                jobs=jobs,
                worlds=worlds,
                data=data_dir or (Path(given) if given else None),
                watch=bar.watch,
            )
        write_evaluation(found, out)
        for note in found.notes:
            ERR.print(f"note: {note}", style="yellow")
        if as_json:
            typer.echo(json.dumps(evaluation_summary(found)))
            return
        OUT.print(evaluation_text(found))
        OUT.print(CONDITIONS, highlight=False)
        OUT.print(f"written to {out}", highlight=False)


class _Worlds(Bar):
    """How many worlds are done, and which was last."""

    def watch(self, job: Job, finished: int, total: int) -> None:
        """Show that ``finished`` of ``total`` worlds are done, ``job`` the last of them."""
        self.show(finished, total, f"{finished} of {total}, {job.suite}: {job.arm}, seed {job.seed}")
