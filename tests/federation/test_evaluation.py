"""Metrics worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from astraea.data.dataset import Samples
from astraea.federation.evaluation import (
    Evaluation,
    client_accuracies,
    evaluate,
    rarest_classes,
    tail_recall,
    worst_decile,
)

# Class 0: 3 of 4 right; class 1: 1 of 2; class 2: not in the test set.
SEEN = Evaluation(np.array([0, 0, 0, 1, 1, 0]), np.array([0, 0, 0, 0, 1, 1]), 3, loss=0.5)


def test_accuracy_recall_and_balance() -> None:
    assert SEEN.accuracy == pytest.approx(4 / 6)
    np.testing.assert_equal(SEEN.per_class_recall, [0.75, 0.5, np.nan])
    assert SEEN.balanced_accuracy == pytest.approx(0.625)


def test_the_tail_is_the_rarest_quarter() -> None:
    assert rarest_classes(np.array([9, 1, 5, 7, 2])).tolist() == [1, 4]
    assert tail_recall(SEEN, np.array([10, 2, 5])) == 0.5
    assert math.isnan(tail_recall(SEEN, np.array([10, 5, 2])))


def test_names_without_any_sample_are_not_the_tail() -> None:
    seen = Evaluation(np.array([0, 1, 0]), np.array([0, 1, 1]), 10, loss=0.5)
    assert tail_recall(seen, np.array([9, 2, *[0] * 8])) == 0.5


def test_a_clients_accuracy_is_expected_from_its_labels() -> None:
    histograms = np.array([[2, 0, 0], [2, 2, 0], [0, 1, 9], [0, 0, 3]])
    np.testing.assert_allclose(client_accuracies(SEEN, histograms), [0.75, 0.625, 0.5, np.nan])


def test_a_clients_own_test_samples_come_first() -> None:
    histograms = np.array([[2, 0, 0], [2, 2, 0]])
    owners = np.array([0, 0, -1, 0, -1, -1])
    np.testing.assert_allclose(client_accuracies(SEEN, histograms, owners), [2 / 3, 0.625])


def test_the_worst_tenth_has_at_least_one_client() -> None:
    assert worst_decile(np.array([0.9, 0.2, 0.5])) == pytest.approx(0.2)
    assert worst_decile(np.linspace(0, 1, 20)) == pytest.approx((0 + 1 / 19) / 2)
    assert math.isnan(worst_decile(np.array([np.nan])))


def test_evaluation_runs_the_model_in_batches_and_scales_images() -> None:
    class Bright(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            light = x.flatten(1).mean(1) * self.scale
            return torch.stack([1 - light, light], dim=1)

    x = np.array([0, 255, 51, 204], np.uint8).reshape(4, 1, 1, 1)
    found = evaluate(Bright(), Samples(x, np.array([0, 1, 0, 0])), 2, batch_size=3)
    assert found.predictions.tolist() == [0, 1, 0, 1]
    expected = -np.log([1 / (1 + math.exp(-1))] * 2 + [1 / (1 + math.exp(-0.6)), 1 / (1 + math.exp(0.6))])
    assert found.loss == pytest.approx(expected.mean(), rel=1e-5)
