"""A network's forward pass by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from astraea.congestion.policy.network import forward


def test_two_layers_by_hand() -> None:
    # hidden: 2 * 1 - 0.5 + 0.25 = 1.75 and -1 * 1 + 0 * 0.5 - 1 = -2, leaky -0.4; out: 1.75 - 0.4 * 3 + 0.1
    weights = np.array([2.0, -1.0, -1.0, 0.0, 0.25, -1.0, 1.0, 3.0, 0.1])
    widths = np.array([2, 2, 1])
    features = np.array([1024, 512], np.int32)
    assert forward(weights, widths, features, np.zeros((2, 2))) == pytest.approx(math.tanh(0.65), rel=1e-12)


def test_one_layer_is_linear_before_the_tangent() -> None:
    features = np.array([1024, -2048], np.int32)
    found = forward(np.array([-0.5, 0.25, -0.25]), np.array([2, 1]), features, np.zeros((2, 2)))
    assert found == pytest.approx(math.tanh(-1.25), rel=1e-12)
