import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astraea.data.apportion import apportion, largest_remainder, water_fill

weights = st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30).map(np.array)


def test_what_rounding_leaves_goes_to_the_largest_remainders() -> None:
    assert largest_remainder(np.array([1.4, 2.5, 0.6, 0.5])).tolist() == [1, 3, 1, 0]


def test_ties_go_to_the_lowest_index() -> None:
    assert apportion(np.ones(4), 6).tolist() == [2, 2, 1, 1]


def test_the_minimum_is_paid_for_by_the_others_in_proportion() -> None:
    # 100 over 90:9:1 would be 90, 9, 1; a minimum of 10 leaves 80 for the first.
    assert water_fill(np.array([90.0, 9.0, 1.0]), 100, 10).tolist() == [80, 10, 10]


def test_a_part_that_falls_below_the_minimum_only_after_others_were_raised_is_raised_too() -> None:
    # 60:30:9:1 of 100 with at least 28: raising 9 and 1 leaves 44 for 60:30, so 30 would get 14.67.
    parts = water_fill(np.array([60.0, 30.0, 9.0, 1.0]), 112, 28)
    assert parts == pytest.approx([28, 28, 28, 28])


@given(weights, st.integers(0, 5), st.integers(0, 10_000))
def test_parts_are_whole_add_up_and_keep_the_minimum(weights: np.ndarray, minimum: int, beyond: int) -> None:
    total = minimum * len(weights) + beyond
    parts = apportion(weights, total, minimum)
    assert parts.dtype == np.int64
    assert parts.sum() == total
    assert parts.min() >= minimum


@given(weights, st.integers(0, 10_000))
def test_without_a_minimum_each_part_is_less_than_one_from_its_share(weights: np.ndarray, total: int) -> None:
    share = weights * (total / weights.sum())
    assert (np.abs(apportion(weights, total) - share) < 1 + 1e-6).all()
