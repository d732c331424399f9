"""TensorBoard: event files in ``tensorboard/`` of the run's folder, for ``tensorboard --logdir``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from astraea.federation.callbacks.trackers.base import Tracker

__all__ = ["TensorBoard"]


class TensorBoard(Tracker):
    """Writes event files; several runs lie side by side under one ``--logdir``."""

    label = "tensorboard"
    _writer: Any

    def load(self) -> None:
        """Import TensorBoard's writer."""
        from torch.utils import tensorboard

        self._make: Any = tensorboard.SummaryWriter

    def open(self, rounds: int) -> None:
        """Open the event file, dropping what a killed process wrote after its last checkpoint."""
        self._writer = self._make(self.folder / "tensorboard", purge_step=rounds + 1)

    def send(self, numbers: Mapping[str, float], round_: int) -> None:
        """Write scalars."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, round_)

    def close(self) -> None:
        """Close the event file."""
        self._writer.close()
