"""Trackio: a run in the project ``astraea``, kept on this machine, for ``trackio show``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from astraea.federation.callbacks.trackers.base import Tracker

__all__ = ["Trackio"]


class Trackio(Tracker):
    """Logs settings and numbers into Trackio's own folder ($TRACKIO_DIR); a run that is resumed goes on by its name."""

    label = "trackio"
    _run: Any

    def load(self) -> None:
        """Import trackio."""
        import trackio

        self._trackio: Any = trackio

    def open(self, rounds: int) -> None:
        """Begin the run, or go on with it."""
        name = f"{self.name} {self.folder.name}"
        resume = "allow" if rounds else "never"
        self._run = self._trackio.init(project="astraea", name=name, config=dict(self.settings), resume=resume)

    def send(self, numbers: Mapping[str, float], round_: int) -> None:
        """Log numbers, the round being the step."""
        self._run.log(dict(numbers), step=round_)

    def close(self) -> None:
        """End the run."""
        self._run.finish()
