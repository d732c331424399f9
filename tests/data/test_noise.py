"""Noise of a scenario: how much of it, for whom, and where it makes no sense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.data import Dataset, build_scenario, from_arrays
from astraea.errors import InputError

RNG = np.random.default_rng(0)


def data(x: np.ndarray | None = None) -> Dataset:
    x = RNG.normal(3, 5, (400, 6)) if x is None else x
    return from_arrays(x, np.arange(len(x)) % 4, x[:40], np.arange(40) % 4)


def pair(dataset: Dataset, **noise: Any) -> Any:
    return [build_scenario(dataset, clients=4, **more) for more in ({}, noise)]


def test_labels_are_wrong_in_each_client_alike_and_nowhere_else() -> None:
    clean, noisy = pair(data(), label_noise=0.25)
    assert [int((noisy.train.y[rows] != clean.train.y[rows]).sum()) for rows in clean.clients] == [25] * 4
    assert (noisy.test.y == clean.test.y).all()
    assert set(noisy.train.y) == {0, 1, 2, 3}
    assert "100 of 400 training labels are replaced" in noisy.notes[-1]
    assert (pair(data(), label_noise=1.0)[1].train.y != clean.train.y).all()


def test_features_get_noise_in_steps_up_to_the_last_client() -> None:
    clean, noisy = pair(data(), feature_noise=1.0)
    off = [float((noisy.train.x[rows] - clean.train.x[rows]).std()) / 5 for rows in clean.clients]
    assert off == pytest.approx([0.25, 0.5, 0.75, 1.0], rel=0.1)
    assert np.array_equal(noisy.test.x, clean.test.x)
    again = build_scenario(data(clean.train.x), clients=4, feature_noise=1.0)
    assert again.train.x.dtype == np.float32


def test_pictures_stay_pixels_and_whole_numbers_stay() -> None:
    pictures = RNG.integers(0, 256, (40, 8, 8), np.uint8)
    clean, noisy = pair(data(pictures), feature_noise=0.5)
    assert noisy.train.x.dtype == np.uint8
    assert not np.array_equal(noisy.train.x, clean.train.x)
    mixed = np.stack([np.arange(40.0), RNG.random(40)], axis=1)
    clean, noisy = pair(data(mixed), feature_noise=0.5)
    assert (noisy.train.x == clean.train.x).mean(axis=0).tolist() == [1, 0]


def test_where_noise_makes_no_sense_it_is_refused() -> None:
    with pytest.raises(InputError, match="the samples are codes"):
        pair(data(RNG.integers(0, 5, (40, 3))), feature_noise=0.1)
    one = from_arrays(RNG.random((20, 3)), np.zeros(20, int))
    with pytest.raises(InputError, match="label_noise swaps classes"):
        build_scenario(one, clients=2, label_noise=0.1)
