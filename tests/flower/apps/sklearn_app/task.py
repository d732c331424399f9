"""A linear classifier of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss


def load_data(partition: int, partitions: int) -> tuple[Any, Any]:
    """Three clouds of points; each partition has most of one of them."""
    rng = np.random.default_rng(partition)
    y = np.concatenate([np.full(24, partition % 3), rng.integers(0, 3, 12)])
    return rng.standard_normal((36, 2)) + 4 * np.eye(3)[y][:, :2], y


def initial() -> list[Any]:
    return [np.zeros((3, 2)), np.zeros(3)]


def fit(arrays: list[Any], x: Any, y: Any, lr: float) -> tuple[float, list[Any]]:
    model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=lr, random_state=0)
    model.partial_fit(x, y, classes=np.arange(3))
    model.coef_, model.intercept_ = (array.copy() for array in arrays)
    model.partial_fit(x, y)
    return float(log_loss(y, model.predict_proba(x), labels=range(3))), [model.coef_, model.intercept_]
