"""Weights & Biases: a run in the project ``astraea``, offline in the run's folder unless $WANDB_MODE says otherwise."""

from __future__ import annotations

import os
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from astraea.federation.callbacks.trackers.base import Tracker

__all__ = ["WandB"]


class WandB(Tracker):
    """Logs settings and numbers; ``wandb sync`` sends them later. A run that is resumed keeps its identity."""

    label = "wandb"
    _run: Any

    def load(self) -> None:
        """Import wandb."""
        import wandb

        self._wandb: Any = wandb

    def open(self, rounds: int) -> None:
        """Begin the run, whose identity is that of its folder."""
        own = sha256(str(self.folder.absolute()).encode()).hexdigest()[:16]
        self._run = self._wandb.init(
            mode=os.environ.get("WANDB_MODE", "offline"),
            dir=self.folder,
            project="astraea",
            name=self.name,
            id=own,
            resume="allow" if rounds else None,
            config=dict(self.settings),
            settings=self._wandb.Settings(silent=True, console="off"),
        )

    def send(self, numbers: Mapping[str, float], round_: int) -> None:
        """Log numbers, the round being the step."""
        self._run.log(dict(numbers), step=round_)

    def close(self) -> None:
        """End the run."""
        self._run.finish()
