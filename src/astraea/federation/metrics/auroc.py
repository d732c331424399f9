"""AUROC: area under the ROC curve, each class against the rest, by scikit-learn."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from astraea.federation.metrics.base import Metric, Predicted

__all__ = ["Auroc"]


class Auroc(Metric, name="auroc"):
    """Area under the ROC curve, each class against the rest: the mean over classes with samples inside and outside."""

    regression: ClassVar[bool | None] = False

    def __call__(self, predicted: Predicted) -> float:
        """Return the mean area, in [0, 1]; NaN if no class has samples inside and outside."""
        from sklearn.metrics import roc_auc_score

        labels = predicted.labels
        inside = labels.astype(bool) if labels.ndim == 2 else labels[:, None] == np.arange(predicted.classes)
        told = [c for c in range(inside.shape[1]) if inside[:, c].any() and not inside[:, c].all()]
        areas = [float(roc_auc_score(inside[:, c], predicted.scores[:, c])) for c in told]
        return float(np.mean(areas)) if areas else math.nan
