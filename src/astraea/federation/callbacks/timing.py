"""Measures wall time by round, apart from the metrics: those repeat to the byte, time never does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from astraea.federation.loop import Budget, Callback, Run
from astraea.files import append_text, whole_lines, write_text

__all__ = ["Timing"]


class Timing(Callback):
    """Sums up seconds in ``total``, and keeps those of each round in ``path`` if there is one.

    A resumed run goes on from the rounds that are already there. ``clock`` gives seconds.
    """

    def __init__(self, path: Path | None = None, clock: Callable[[], float] = time.perf_counter) -> None:
        self.path = path
        self.clock = clock
        self.seconds: list[float] = []

    @property
    def total(self) -> float:
        """Seconds of all rounds."""
        return round(sum(self.seconds), 6)

    def begin(self, run: Run, budget: Budget) -> None:
        """Take over the times of the rounds that ``run`` already has."""
        if self.path is not None:
            if self.path.exists():
                self.seconds = _read(self.path)[: run.state.round]
            write_text(self.path, "".join(map(_line, range(1, len(self.seconds) + 1), self.seconds)))
        self._since = self.clock()

    def after_round(self, run: Run) -> None:
        """Note the seconds of this round."""
        now = self.clock()
        self.seconds.append(round(now - self._since, 6))
        self._since = now
        if self.path is not None:
            append_text(self.path, _line(run.state.round, self.seconds[-1]))


def _line(round_: int, seconds: float) -> str:
    return json.dumps({"round": round_, "seconds": seconds}) + "\n"


def _read(path: Path) -> list[float]:
    seconds = []
    for line in whole_lines(path):
        try:
            seconds.append(float(json.loads(line)["seconds"]))
        except (ValueError, TypeError, KeyError, RecursionError):  # what was measured is lost, and needed for nothing
            break
    return seconds
