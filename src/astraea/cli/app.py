"""The command line's table of contents: one line a command."""

from __future__ import annotations

from typing import Annotated

import typer

import astraea
from astraea.cli.bench import bench
from astraea.cli.commands import App
from astraea.cli.compare import Compare, compare
from astraea.cli.congestion import app as congestion
from astraea.cli.doctor import doctor
from astraea.cli.export import export
from astraea.cli.init import init
from astraea.cli.network import app as network
from astraea.cli.plan import plan
from astraea.cli.report import report, watch
from astraea.cli.run import run
from astraea.cli.scenario import scenario
from astraea.cli.settings import settings

__all__ = ["app"]

app = App("astraea", "Self-balancing federated learning, with a learned network under it.")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(astraea.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


app.command()(init)
app.command()(run)
app.command(cls=Compare)(compare)
app.command()(report)
app.command()(watch)
app.command()(export)
app.command()(scenario)
app.command()(settings)
app.add_typer(congestion)
app.add_typer(network)
app.command()(plan)
app.command()(bench)
app.command()(doctor)
