"""The confusion matrix, by scikit-learn."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from astraea.federation.metrics.base import Metric, Predicted

__all__ = ["Confusion"]


class Confusion(Metric, name="confusion"):
    """The confusion matrix: how often each class, a row, is answered with each, a column."""

    regression: ClassVar[bool | None] = False

    def __call__(self, predicted: Predicted) -> list[list[int]]:
        """Return counts, ``(N, N)``; with several labels a sample, ``(N, 2, 2)``, a matrix of each label."""
        from sklearn.metrics import confusion_matrix, multilabel_confusion_matrix

        if predicted.labels.ndim == 2:
            counts = multilabel_confusion_matrix(predicted.labels, predicted.predictions)
        else:
            counts = confusion_matrix(predicted.labels, predicted.predictions, labels=np.arange(predicted.classes))
        found: list[list[int]] = counts.tolist()
        return found
