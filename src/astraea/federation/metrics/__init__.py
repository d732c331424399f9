"""Further metrics of a model on the test samples: one file each, computed by scikit-learn."""

from __future__ import annotations

from astraea.federation.metrics.auroc import Auroc
from astraea.federation.metrics.base import Metric, Predicted, measured
from astraea.federation.metrics.confusion import Confusion
from astraea.federation.metrics.f1 import F1
from astraea.federation.metrics.precision import Precision
from astraea.federation.metrics.recall import Recall

__all__ = ["F1", "Auroc", "Confusion", "Metric", "Precision", "Predicted", "Recall", "measured"]
