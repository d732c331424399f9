from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from astraea.data import load_dataset


def test_the_bundled_digits_are_split_once_and_for_all() -> None:
    dataset = load_dataset("digits")
    assert dataset.test is not None
    assert dataset.shape == (1, 8, 8)
    assert dataset.is_image
    # 178, 182, 177, 183, 181, 182, 181, 179, 174 and 180 of each digit; a fifth of each, rounded down.
    assert dataset.test.counts(10).tolist() == [35, 36, 35, 36, 36, 36, 36, 35, 34, 36]
    assert dataset.train.counts(10).tolist() == [143, 146, 142, 147, 145, 146, 145, 144, 140, 144]


def test_pixels_are_scaled_from_16_to_255() -> None:
    dataset = load_dataset("digits")
    published = load_digits().images[0]  # the first sample of its class, so in the training pool
    expected = np.round(published * 255 / 16)
    assert np.array_equal(dataset.train.x[0, 0], expected)
    assert (dataset.train.x.min(), dataset.train.x.max()) == (0, 255)
