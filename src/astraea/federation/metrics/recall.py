"""Recall: the mean over classes, by scikit-learn."""

from __future__ import annotations

from typing import ClassVar

from astraea.federation.metrics.base import Metric, Predicted

__all__ = ["Recall"]


class Recall(Metric, name="recall"):
    """Share of a class that is found: the mean over classes that have samples."""

    regression: ClassVar[bool | None] = False

    def __call__(self, predicted: Predicted) -> float:
        """Return the mean recall, in [0, 1]; a class that is never answered counts 0."""
        from sklearn.metrics import recall_score

        labels, answers = predicted.labels, predicted.predictions
        return float(recall_score(labels, answers, labels=predicted.held, average="macro", zero_division=0))
