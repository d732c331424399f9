"""Sends every number of a round to TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from astraea.errors import InputError
from astraea.federation.loop import Budget, Callback, Run

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Writes event files to ``folder``; needs the extra ``astraea[tensorboard]``."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils import tensorboard
        except ImportError as error:
            raise InputError(
                "output.tensorboard needs a package that is not installed: pip install 'astraea[tensorboard]'"
            ) from error
        self._make: Any = tensorboard.SummaryWriter
        self._writer: Any = None
        self.folder = folder

    def begin(self, run: Run, budget: Budget) -> None:
        """Open the event file, dropping what a killed process wrote after its last checkpoint."""
        self._writer = self._make(self.folder, purge_step=run.state.round + 1)

    def after_round(self, run: Run) -> None:
        """Write this round's numbers, under their names in ``metrics.jsonl``."""
        line = run.history[-1]
        for name, value in line.items():
            if isinstance(value, int | float) and name != "round":
                self._writer.add_scalar(name, value, line["round"])

    def end(self, run: Run) -> None:
        """Close the event file, if the loop got as far as opening it."""
        if self._writer is not None:
            self._writer.close()
