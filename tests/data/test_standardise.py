from __future__ import annotations

import numpy as np
import pytest

from astraea.data import Dataset, Samples, build_scenario
from astraea.data.standardise import Sums, scaling

X = np.array([[1.0, 10.0], [3.0, np.nan], [5.0, 30.0], [7.0, 20.0]])


def test_sums_of_clients_give_the_scaling_of_all_samples() -> None:
    found = scaling([Sums.of(X[:1]), Sums.of(X[1:])], np.array([True, True]))
    assert found.mean.tolist() == [4, 20]
    assert found.deviation.tolist() == pytest.approx([np.sqrt(5), np.sqrt(200 / 3)])
    scaled = found.of(X)
    assert scaled.dtype == np.float32
    assert scaled.mean(axis=0).tolist() == pytest.approx([0, 0], abs=1e-6)
    assert scaled[1, 1] == 0  # what is missing becomes the mean


def test_how_samples_are_divided_does_not_matter_even_far_from_zero() -> None:
    rng = np.random.default_rng(0)
    x = 1.7e9 + rng.normal(0, 2, (1000, 1))
    one = scaling([Sums.of(x)], np.array([True]))
    many = scaling([Sums.of(x[k::7]) for k in range(7)], np.array([True]))
    assert many.deviation[0] == pytest.approx(one.deviation[0], rel=1e-9)
    assert many.of(x).std() == pytest.approx(1, rel=1e-5)


def test_other_features_keep_their_values_and_constant_ones_are_only_shifted() -> None:
    x = np.array([[0.0, 5.0], [1.0, 5.0]])
    assert scaling([Sums.of(x)], np.array([False, True])).of(x).tolist() == [[0, 0], [1, 0]]
    gaps = np.array([[np.nan], [4.0], [8.0]])
    assert scaling([Sums.of(gaps)], np.array([False])).of(gaps).tolist() == [[6], [4], [8]]


def test_a_scenario_scales_by_its_clients_and_never_by_its_test_set() -> None:
    train = Samples(np.array([[0.0], [2.0], [100.0], [2.0]]), np.array([0, 1, 0, 1]))
    test = Samples(np.array([[1.0], [3.0]]), np.array([0, 1]))
    dataset = Dataset("d", train, test, ("a", "b"), standardised=np.array([True]))
    scenario = build_scenario(dataset, skew="indices", indices=[[0], [1]])  # mean 1, deviation 1
    assert scenario.train.x.tolist() == [[-1], [1]]
    assert scenario.test.x.tolist() == [[0], [2]]
