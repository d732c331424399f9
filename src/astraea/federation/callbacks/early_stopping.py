"""Ends a run that no longer improves on its validation samples."""

from __future__ import annotations

from astraea.federation.loop import Callback, Run
from astraea.federation.round import Metrics

__all__ = ["EarlyStopping"]


class EarlyStopping(Callback):
    """Stops once the best ``validation_balanced_accuracy`` is ``patience`` evaluations old.

    The papers advise to stop early but give no rule. The test set has no say in it.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def after_round(self, run: Run) -> tuple[bool, Metrics]:
        """Stop if none of the last ``patience`` evaluations beat the best before them."""
        return self.exhausted(run), {}

    def exhausted(self, run: Run) -> bool:
        """Whether none of the last ``patience`` evaluations beat the best before them."""
        if run.best is None:
            return False
        since: int = sum(
            "validation_balanced_accuracy" in line and line["round"] > run.best.round for line in run.history
        )
        return since >= self.patience
