import numpy as np
import pytest
from folders import line
from hypothesis import given
from hypothesis import strategies as st

from astraea.report.page.series import band, rounded, thinned


def test_short_curves_keep_all_points() -> None:
    assert thinned(np.array([[3.0, 1.0, 2.0]]), 10).tolist() == [0, 1, 2]


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=400), st.integers(4, 60))
def test_ends_and_extremes_are_kept_within_the_limit(values: list[float], limit: int) -> None:
    curve = np.array([values])

    kept = thinned(curve, limit)

    assert len(kept) <= limit
    assert len(kept) >= min(len(values), limit) - 4  # an even place may be an extreme
    assert {0, len(values) - 1} <= set(kept.tolist())
    assert curve[0, kept].min() == min(values)
    assert curve[0, kept].max() == max(values)
    assert (np.diff(kept) > 0).all()


def test_a_curve_without_a_number_keeps_its_ends() -> None:
    kept = thinned(np.full((1, 100), np.nan), 10)
    assert (kept[0], kept[-1]) == (0, 99)


def test_seeds_are_averaged_round_by_round() -> None:
    runs = [[line(1, 0.2), line(2), line(3, 0.6)], [line(1, 0.4), line(3, 0.8), line(4, 0.9)]]

    first, last = band(runs)

    assert (first["round"], last["round"]) == (1, 3)
    assert first["accuracy"] == 30.0
    assert first["accuracy_low"] == pytest.approx(
        30 - 10 * np.sqrt(2), abs=1e-3
    )  # sample standard deviation of 20 and 40
    assert (last["bytes_sent"], last["critical_path_steps"], last["samples_processed"]) == (3.0, 0.3, 0.03)
    assert last["simulated_seconds"] is None


def test_nothing_evaluated_is_no_curve() -> None:
    assert band([[line(1)]]) == []


def test_numbers_are_short() -> None:
    assert (rounded(123456.7), rounded(float("nan")), rounded(None), rounded(0.1234567)) == (
        123460.0,
        None,
        None,
        0.12346,
    )
