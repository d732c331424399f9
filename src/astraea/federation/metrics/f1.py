"""F1: the mean over classes, by scikit-learn."""

from __future__ import annotations

from typing import ClassVar

from astraea.federation.metrics.base import Metric, Predicted

__all__ = ["F1"]


class F1(Metric, name="f1"):
    """F1, the harmonic mean of precision and recall: the mean over classes that have samples."""

    regression: ClassVar[bool | None] = False

    def __call__(self, predicted: Predicted) -> float:
        """Return the mean F1, in [0, 1]; a class that is never answered counts 0."""
        from sklearn.metrics import f1_score

        labels, answers = predicted.labels, predicted.predictions
        return float(f1_score(labels, answers, labels=predicted.held, average="macro", zero_division=0))
