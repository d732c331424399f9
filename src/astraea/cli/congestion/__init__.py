"""``astraea congestion``: flows that compete for a link, a file a command."""

from __future__ import annotations

import typer

from astraea.cli.congestion.evaluate import evaluate
from astraea.cli.congestion.policy import policy
from astraea.cli.congestion.race import race
from astraea.cli.congestion.train import train

__all__ = ["app"]

app = typer.Typer(
    name="congestion", help="Flows that compete: congestion controllers on a shared link.", no_args_is_help=True
)
for command in (evaluate, train, policy, race):
    app.command()(command)
