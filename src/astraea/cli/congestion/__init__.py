"""``astraea congestion``: flows that compete for a link, a file a command."""

from __future__ import annotations

from astraea.cli.commands import App
from astraea.cli.congestion.emulate import emulate
from astraea.cli.congestion.evaluate import evaluate
from astraea.cli.congestion.kernel import app as kernel
from astraea.cli.congestion.policy import policy
from astraea.cli.congestion.race import race
from astraea.cli.congestion.train import train

__all__ = ["app"]

app = App("congestion", "Flows that compete: congestion controllers on a shared link.")
for command in (evaluate, train, policy, race, emulate):
    app.command()(command)
app.add_typer(kernel)
