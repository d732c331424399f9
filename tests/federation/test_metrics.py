"""Further metrics against numbers worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import astraea
from astraea.errors import InputError
from astraea.federation.metrics import Metric, Predicted, measured

LABELS, ANSWERS = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 2, 2])
SCORES = np.array(
    [[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.3, 0.5, 0.2], [0.1, 0.8, 0.1], [0.2, 0.3, 0.5], [0.1, 0.1, 0.8]]
)
SAID = Predicted(LABELS, ANSWERS, SCORES, 4)


def value(name: Any, said: Predicted = SAID) -> Any:
    return Metric.of(name)(said)


def test_of_each_class_and_then_the_mean_over_those_that_have_samples() -> None:
    assert value("precision") == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)
    assert value("recall") == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert value("f1") == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)
    assert value("confusion") == [[2, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert value("auroc") == pytest.approx((1 + 13 / 16 + 1) / 3)  # pairs in order: 9 of 9, 6.5 of 8, 5 of 5


def test_what_is_undefined_is_nan() -> None:
    assert math.isnan(value("auroc", SAID.take(np.array([0, 1]))))
    assert value("f1", SAID.take(np.array([2]))) == 0.0


def test_of_several_labels_a_sample() -> None:
    labels, answers = np.array([[1, 0], [1, 1], [0, 1]]), np.array([[1, 0], [0, 1], [0, 1]])
    said = Predicted(labels, answers, np.array([[0.9, 0.2], [0.4, 0.7], [0.3, 0.6]]), 2)
    assert value("f1", said) == pytest.approx((2 / 3 + 1) / 2)
    assert value("auroc", said) == 1.0
    assert value("confusion", said) == [[[1, 0], [1, 1]], [[1, 0], [0, 2]]]


def cost(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Three for each error."""
    return 3.0 * float((labels != predictions).mean())


def sharpness(scores: np.ndarray, classes: int) -> dict[str, float]:
    return {"top": float(scores.max(axis=1).mean()), "classes": classes}


def broken(labels: np.ndarray, predictions: np.ndarray) -> float:
    raise ValueError("no")


def test_own_functions_get_what_they_name() -> None:
    metrics = [Metric.of(cost), Metric.of(sharpness)]
    found = measured(metrics, SAID, np.array([0, 0, 2, 2, 2, -1]), 3)
    assert found == {
        "cost": 1.0,
        "cost_clients": [0.0, None, 2.0],
        "sharpness": {"top": pytest.approx(4.0 / 6), "classes": 4.0},
        "sharpness_clients": [
            pytest.approx({"top": 0.7, "classes": 4}),
            None,
            pytest.approx({"top": 0.6, "classes": 4}),
        ],
    }
    with pytest.raises(InputError, match=r"metric 'broken' fails \(ValueError: no\)"):
        measured([Metric.of(broken)], SAID, None, 3)


def test_they_are_in_every_line_and_in_the_summary() -> None:
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    y, site = (x[:, 0] > 0).astype(int), np.repeat(["a", "b", "c"], 20)
    data = astraea.from_arrays(x, y, x, y, columns={"site": site}, test_columns={"site": site})
    result = astraea.run(
        dataset=data,
        scenario={"skew": {"name": "column", "column": "site"}},
        model="mlp",
        rounds=2,
        evaluation={"metrics": ["f1", "confusion", cost]},
    )
    last, summary = result.history[-1], result.summary
    assert last["cost"] == pytest.approx(3 * (1 - last["accuracy"]))
    assert np.sum(last["confusion"]) == 60
    assert np.array(last["confusion_clients"]).shape == (3, 2, 2)
    assert np.array(last["confusion_clients"]).sum(axis=0).tolist() == last["confusion"]
    assert summary["metrics"]["f1"] == last["f1"]
    assert len(summary["metrics"]["f1_clients"]) == 3
