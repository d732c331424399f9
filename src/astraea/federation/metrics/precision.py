"""Precision: the mean over classes, by scikit-learn."""

from __future__ import annotations

from typing import ClassVar

from astraea.federation.metrics.base import Metric, Predicted

__all__ = ["Precision"]


class Precision(Metric, name="precision"):
    """Share of what is answered with a class that is right: the mean over classes that have samples."""

    regression: ClassVar[bool | None] = False

    def __call__(self, predicted: Predicted) -> float:
        """Return the mean precision, in [0, 1]; a class that is never answered counts 0."""
        from sklearn.metrics import precision_score

        labels, answers = predicted.labels, predicted.predictions
        return float(precision_score(labels, answers, labels=predicted.held, average="macro", zero_division=0))
