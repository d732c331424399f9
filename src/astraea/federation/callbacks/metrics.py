"""Writes ``metrics.jsonl``: one line a round, the same bytes whether or not the run was ever interrupted."""

from __future__ import annotations

from pathlib import Path

from astraea.federation.loop import Budget, Callback, Run
from astraea.federation.round import Metrics
from astraea.files import append_text, to_json, write_text

__all__ = ["MetricsFile"]


class MetricsFile(Callback):
    """Appends each round's metrics to ``path``; lines of rounds that a resumed run repeats are dropped first."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, run: Run, budget: Budget) -> None:
        """Make the file say what ``run.history`` says, which a killed process may have left behind."""
        write_text(self.path, "".join(map(_line, run.history)))

    def after_round(self, run: Run) -> None:
        """Append this round's line."""
        append_text(self.path, _line(run.history[-1]))


def _line(metrics: Metrics) -> str:
    return to_json(metrics) + "\n"
