import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from astraea.balance import kl_to_uniform
from astraea.errors import InputError

rows = arrays(np.int64, st.integers(1, 60), elements=st.integers(0, 10_000)).filter(np.any)


def test_values_worked_out_by_hand() -> None:
    assert kl_to_uniform([5, 5, 5]) == 0.0
    assert kl_to_uniform([7, 0]) == pytest.approx(math.log(2), abs=1e-15)
    # p = (3/4, 1/4): 3/4 log(3/2) + 1/4 log(1/2)
    assert kl_to_uniform([3, 1]) == pytest.approx(0.75 * math.log(1.5) - 0.25 * math.log(2), abs=1e-15)


@pytest.mark.parametrize(
    ("counts", "printed"),
    [
        ([18000, 16451, 13741, 10489, 7318, 4666, 2719, 1448, 705, 314], 0.3885),  # CINIC-10 half-normal
        ([1 / i**2 for i in range(1, 11)], 1.066),  # Zipf, s = 2
    ],
)
def test_values_of_the_papers_distributions(counts: list[float], printed: float) -> None:
    assert kl_to_uniform(counts) == pytest.approx(printed, abs=5e-4)


@given(rows)
def test_lies_between_zero_and_log_of_the_classes(counts: np.ndarray) -> None:
    assert 0 <= kl_to_uniform(counts) <= math.log(len(counts)) + 1e-12


@given(rows, st.sampled_from([1e-300, 0.1, 3.0, 1e290]))
def test_only_proportions_count(counts: np.ndarray, factor: float) -> None:
    assert kl_to_uniform(counts * factor) == pytest.approx(kl_to_uniform(counts), abs=1e-12)


@given(rows, st.randoms())
def test_order_of_classes_does_not_matter(counts: np.ndarray, random: Random) -> None:
    shuffled = list(counts)
    random.shuffle(shuffled)
    assert kl_to_uniform(shuffled) == pytest.approx(kl_to_uniform(counts), abs=1e-12)


@given(arrays(np.int64, (3, 2, 5), elements=st.integers(1, 100)))
def test_rows_are_independent(counts: np.ndarray) -> None:
    together = kl_to_uniform(counts)
    assert together.shape == (3, 2)
    assert together[2, 1] == kl_to_uniform(counts[2, 1])


def test_no_rows_give_no_values() -> None:
    assert kl_to_uniform(np.empty((0, 4))).shape == (0,)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([[1, 2], [0, 0]], "all zero"),
        ([1, -1], "negative"),
        ([1.0, float("nan")], "missing"),
        ([1.0, float("inf")], "infinite"),
        ([], "at least one class"),
        (3, "shape"),
        (["a", "b"], "must be numbers"),
    ],
)
def test_what_is_no_distribution_is_refused(counts: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        kl_to_uniform(counts)  # type: ignore[arg-type]
