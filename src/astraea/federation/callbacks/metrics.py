"""Writes ``metrics.jsonl``: one line a round, the same bytes whether or not the run was ever interrupted."""

from __future__ import annotations

import json
import os
from pathlib import Path

from astraea.errors import RunError
from astraea.federation.loop import Budget, Callback, Metrics, Run

__all__ = ["MetricsFile"]


class MetricsFile(Callback):
    """Appends each round's metrics to ``path``; lines of rounds that a resumed run repeats are dropped first."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, run: Run, budget: Budget) -> None:
        """Make the file say what ``run.history`` says, which a killed process may have left behind."""
        partial = self.path.with_suffix(".partial")
        try:
            partial.write_text("".join(map(_line, run.history)))
            os.replace(partial, self.path)
        except OSError as error:
            raise self._unwritable(error) from error

    def after_round(self, run: Run) -> None:
        """Append this round's line."""
        try:
            with self.path.open("a") as file:
                file.write(_line(run.history[-1]))
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> RunError:
        return RunError(f"{self.path} cannot be written ({error.strerror}): free space or choose another --out")


def _line(metrics: Metrics) -> str:
    return json.dumps(metrics) + "\n"
