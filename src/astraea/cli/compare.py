"""``astraea compare``: one scenario under several algorithms."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer.core import TyperOption

from astraea.cli.commands import Command
from astraea.cli.options import (
    ConfigArgument,
    CongestionOption,
    DataDirOption,
    JsonOption,
    NetworkOption,
    SetOption,
    TrustOption,
)
from astraea.cli.shell import ERR, OUT, friendly, read_tables, short_for
from astraea.progress import Bar

if TYPE_CHECKING:
    import click

    from astraea.experiment.jobs import Job

__all__ = ["Compare", "compare"]

Form = Literal["text", "markdown", "latex", "csv"]
_ARMS = "Comma-separated arms, each with any +variations, such as astraea+logit-adjusted."


class Compare(Command):
    """The command, whose help lists the arms and variations that there are: they are imported when it is shown."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help."""
        from astraea.experiment.arms import ARMS, variations

        for option in self.params:
            if isinstance(option, TyperOption) and option.name == "arms":
                named = f"Arms: {', '.join(ARMS)}, and the configuration's own. Variations: {', '.join(variations())}."
                option.help = f"{_ARMS} {named}"
        super().format_help(ctx, formatter)


def compare(
    config: ConfigArgument = None,
    arms: Annotated[
        str,
        typer.Option(
            "--arms",
            "-a",
            help=_ARMS,
        ),
    ] = "fedavg,astraea",
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Runs of each arm, under consecutive seeds.")] = 3,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the comparison.")] = Path("runs/comparison"),
    changes: SetOption = None,
    network: NetworkOption = None,
    congestion: CongestionOption = None,
    rates: Annotated[
        str,
        typer.Option(
            "--rates",
            help="Learning rates, comma-separated, from which each arm takes its best by validation.",
        ),
    ] = "",
    schedules: Annotated[
        str,
        typer.Option(
            "--schedules",
            help="Learning-rate schedules, comma-separated, tried at each arm's best rate in the same way.",
        ),
    ] = "",
    match: Annotated[
        bool,
        typer.Option(
            "--match-samples/--match-rounds",
            help="Give every arm the samples that the first one processes, or the same rounds.",
        ),
    ] = True,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Runs side by side.")] = 1,
    data_dir: DataDirOption = None,
    trust: TrustOption = False,
    form: Annotated[
        Form, typer.Option("--format", help="How the table is printed; all but text go into a paper or a program.")
    ] = "text",
    as_json: JsonOption = False,
) -> None:
    """Compare algorithms on one scenario: a table with mean ± spread, and plots.

    Whatever is finished is kept: the same command goes on where it stopped.
    """
    with friendly(resume="the same command"):
        from astraea.errors import InputError
        from astraea.experiment.compare import compare as run_all
        from astraea.report.comparison import write_report

        changes = short_for(changes, {"network.name": network, "network.congestion": congestion})
        tables, source = read_tables(config, changes, data_dir)
        own = tables.pop("arms", {})
        try:
            grid = [float(rate) for rate in rates.split(",") if rate.strip()]
        except ValueError as error:
            raise InputError(f"--rates takes numbers separated by commas, not '{rates}'") from error
        with _Bars("runs", ERR) as bar:
            comparison = run_all(
                arms,
                seeds,
                out,
                own=own,
                match_samples=match,
                rates=grid,
                schedules=[name.strip() for name in schedules.split(",") if name.strip()],
                jobs=jobs,
                trust=trust,
                source=source,
                watch=bar.watch,
                **tables,
            )
        write_report(comparison)
        if as_json:
            typer.echo(json.dumps({arm: list(found) for arm, found in comparison.summaries.items()}))
            return
        table = comparison.table()
        if form != "text":
            typer.echo({"markdown": table.markdown, "latex": table.latex, "csv": table.csv}[form]())
            return
        OUT.print(table.transposed().rich())
        for note in comparison.notes:
            ERR.print(f"note: {note}", style="yellow", highlight=False)
        OUT.print(f"written to {out}", highlight=False)


class _Bars(Bar):
    """A bar over all runs of a comparison, and how far those under way are."""

    def watch(self, jobs: Sequence[Job], finished: int) -> None:
        """Show how many of ``jobs`` are finished and how far those under way are."""
        now, done = [], float(finished)
        for job in jobs:
            share, rounds = job.progress()
            if rounds > 0 and share < 1:
                done += share
                now.append(f"{job.arm} seed {job.settings.seed}: round {rounds}")
        self.show(done, len(jobs), ", ".join([f"{finished} of {len(jobs)}", *now]))
