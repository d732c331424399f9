"""What every tracker of experiments does; each is one file that says how its library is told."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from astraea.errors import InputError
from astraea.federation.loop import Budget, Callback, Run

__all__ = ["Tracker"]


class Tracker(Callback):
    """Sends every number of a round on, under its name in ``metrics.jsonl``.

    ``folder`` is the run's own, where the tracker keeps what it writes; ``name`` and ``settings``, by dotted keys, are
    what people know the run by. Raises :class:`InputError` if the tracker's library is not installed.
    """

    label: ClassVar[str]
    """Its name in ``output.trackers`` and its extra, as in ``astraea[tensorboard]``."""

    def __init__(self, folder: Path, name: str, settings: Mapping[str, Any]) -> None:
        self.folder, self.name, self.settings = folder, name, settings
        self._open = False
        try:
            self.load()
        except ImportError as error:
            raise InputError(
                f"the tracker {self.label} needs a package that is not installed ({error.name}): "
                f"pip install {self.packages()}"
            ) from error

    @abstractmethod
    def load(self) -> None:
        """Import the library."""

    @classmethod
    def packages(cls) -> str:
        """Return what is to be installed, as for pip."""
        return cls.label

    @abstractmethod
    def open(self, rounds: int) -> None:
        """Begin, or go on after ``rounds`` rounds: what was sent for later ones is not to count."""

    @abstractmethod
    def send(self, numbers: Mapping[str, float], round_: int) -> None:
        """Send the numbers of one round."""

    @abstractmethod
    def close(self) -> None:
        """Bring to the disk what is not there yet."""

    def begin(self, run: Run, budget: Budget) -> None:
        """Open the tracker where the run stands."""
        self.open(run.state.round)
        self._open = True

    def after_round(self, run: Run) -> None:
        """Send this round's numbers."""
        line = run.history[-1]
        self.send(
            {name: value for name, value in line.items() if isinstance(value, int | float) and name != "round"},
            line["round"],
        )

    def end(self, run: Run) -> None:
        """Close the tracker, if the loop got as far as opening it."""
        if self._open:
            self.close()
