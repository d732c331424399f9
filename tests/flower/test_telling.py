"""Labels of every form, and what is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from tests.flower.adding import PLAIN, adding_app, train_adding

from astraea.errors import RunError
from astraea.flower import AstraeaStrategy, label_histogram


def start(labels: Any) -> AstraeaStrategy:
    app = adding_app()
    del app._registered_funcs["query.label_histogram"]
    app.query("label_histogram")(label_histogram(lambda context: labels, classes=2))
    strategy = AstraeaStrategy(**PLAIN)
    train_adding(strategy, app, rounds=1)
    return strategy


@pytest.mark.parametrize(
    "labels",
    [[0, 1, 1], np.array([[0], [1], [1]]), torch.tensor([0.0, 1.0, 1.0]), ["0", "1", "1"], [False, True, True]],
    ids=["list", "column", "float", "digits", "bool"],
)
def test_labels_of_any_form(labels: Any) -> None:
    assert start(labels)._registry.histograms.tolist() == [[1, 2]] * 4


def test_rows_count_each_label() -> None:
    assert start(np.array([[1, 1], [0, 1]]))._registry.histograms.tolist() == [[1, 2]] * 4


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([0.0, 0.5], "gives .*0.5.*: class labels are whole numbers from 0 to 1"),
        ([0.0, np.nan], "gives .*nan.*: class labels are whole numbers"),
        (["cat", "dog"], "gives names, such as .*cat.*: give the number of each class, 0 to 1"),
        (np.array([[0.3, 0.7], [0.5, 0.5]]), "gives .*0.3"),
        (np.array([[0, 2], [1, 0]]), "rows of 2 values that are not all 0 or 1"),
        (np.array([[0, 0, 1], [1, 0, 0]]), r"shape \(2, 3\): give a label for each sample"),
    ],
    ids=["half", "nan", "names", "soft", "counts", "wide"],
)
def test_what_is_no_label_is_refused_with_the_reason(labels: Any, reason: str) -> None:
    with pytest.raises(RunError, match=reason):
        start(labels)
