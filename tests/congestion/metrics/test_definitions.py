"""Each metric on numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astraea.congestion.metrics.definitions import (
    Convergence,
    Duration,
    Event,
    active_in,
    convergence,
    deviation,
    events_of,
    harm,
    jain,
    kaplan_meier,
    min_max,
    windowed,
)
from astraea.errors import InputError

ALL = np.ones((2, 4), bool)


def test_windows_are_means_and_a_rest_is_dropped() -> None:
    assert windowed([[1, 3, 5, 7, 100]], 2).tolist() == [[2, 6]]
    with pytest.raises(InputError, match="do not fill a window of 3"):
        windowed([[1, 2]], 3)


def test_active_means_from_the_beginning_to_the_end_of_a_window() -> None:
    active = active_in([0, 1, 0.5], [4, 3.5, 2], windows=4, window_s=1.0)
    assert active.astype(int).tolist() == [[1, 1, 1, 1], [0, 1, 1, 0], [0, 1, 0, 0]]


def test_jain_of_equal_unequal_and_starved_flows() -> None:
    goodput = [[5, 6, 9, 0], [5, 2, 0, 0]]
    index = jain(goodput, ALL)
    assert index[:3] == pytest.approx([1, 64 / 80, 1 / 2])  # (6 + 2)^2 / (2 (36 + 4))
    assert math.isnan(index[3])  # nobody got anything
    assert jain([[2.0], [4.0]], ALL[:, :1], weights=[1, 2]) == pytest.approx([1])


def test_jain_counts_active_flows_alone() -> None:
    active = np.array([[True, True], [False, True], [True, True]])
    index = jain([[4, 4], [9, 2], [4, 0]], active)
    assert index == pytest.approx([1, 36 / 60])
    assert math.isnan(jain([[4.0]], [[True]])[0])


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=8))
def test_jain_lies_between_one_over_n_and_one(goodput: list[float]) -> None:
    column = np.array(goodput)[:, None]
    index = float(jain(column, np.ones(column.shape, bool))[0])
    assert 1 / len(goodput) - 1e-9 <= index <= 1 + 1e-9
    assert index == pytest.approx(float(jain(7 * column, np.ones(column.shape, bool))[0]))


def test_min_over_max_of_the_time_together() -> None:
    active = np.array([[True] * 4, [False, True, True, False]])
    assert min_max([[9, 4, 8, 9], [0, 2, 4, 0]], active) == pytest.approx(3 / 6)
    assert math.isnan(min_max([[1.0]], [[True]]))
    assert math.isnan(min_max([[1.0], [1.0]], [[True], [False]]))


def test_events() -> None:
    events = events_of([0, 5, 5, 30], [60, 20, 60, 60], 60)
    assert events == [Event(0, 1, 0, 1), Event(5, 2, 0, 3), Event(20, 0, 1, 2), Event(30, 1, 0, 3)]
    assert events_of([0, 8], [4, 10], 10) == [Event(0, 1, 0, 1), Event(8, 1, 0, 1)]  # at 4 nobody is left


def converged(first: list[float], second: list[float], **fields: float) -> list[Convergence]:
    """Two flows on 10 Mbit/s, the second from 2 s on, windows of 1 s, band 20 %, held for 2 s."""
    active = active_in([0, 2], [len(first)] * 2, len(first), 1.0)
    shares = np.where(active, 10 / np.maximum(active.sum(axis=0), 1), 0)
    events = events_of([0, 2], [len(first)] * 2, len(first))
    return convergence([first, second], shares, active, events, 1.0, **{"band": 0.2, "hold_s": 2.0, **fields})


def test_convergence_is_the_beginning_of_the_first_stretch_held() -> None:
    # at 3 s both are within 20 % of 5, but not at 4 s; from 5 s on they stay
    alone, joined = converged([10, 10, 9, 6, 7, 6, 5, 4], [0, 0, 1, 4, 3, 4, 5, 6])
    assert alone.time == Duration(0.0, censored=False)
    assert joined.time == Duration(3.0, censored=False)
    assert (joined.event, joined.until_s) == (Event(2, 1, 0, 2), 8.0)


def test_what_never_converges_is_censored_at_the_next_event_or_the_end() -> None:
    alone, joined = converged([5, 5, 9, 9, 9, 9], [0, 0, 1, 1, 1, 5])
    assert alone.time == Duration(2.0, censored=True)
    assert joined.time == Duration(4.0, censored=True)
    # near in the last second only: too short to be held for two
    assert converged([10, 10, 9, 9, 9, 5], [0, 0, 1, 1, 1, 5])[1].time.censored
    assert converged([10, 10, 9, 9, 9, 5], [0, 0, 1, 1, 1, 5], hold_s=1.0)[1].time == Duration(3.0, censored=False)


def test_the_edge_of_the_band_belongs_to_it() -> None:
    assert converged([10, 10, 6, 6], [0, 0, 4, 4])[1].time == Duration(0.0, censored=False)
    assert converged([10, 10, 6.1, 6.1], [0, 0, 4, 4])[1].time.censored


def test_deviation_after_convergence() -> None:
    goodput = np.array([[10, 10, 9, 6, 4, 6, 4], [0, 0, 1, 5, 5, 5, 5]], float)
    stretches = [
        Convergence(Event(0, 1, 0, 1), 2.0, Duration(0.0, censored=False)),
        Convergence(Event(2, 1, 0, 2), 7.0, Duration(1.0, censored=False)),
    ]
    active = active_in([0, 2], [7, 7], 7, 1.0)
    # the first alone: 2 windows of deviation 0; then 4 windows of deviation 1 at mean 5, and 4 of 0
    assert deviation(goodput, active, stretches, 1.0) == pytest.approx([4 / 10, 0.2 * 4 / 10])
    never = [Convergence(Event(0, 2, 0, 2), 7.0, Duration(7.0, censored=True))]
    assert np.isnan(deviation(goodput, active, never, 1.0)).all()


def test_harm() -> None:
    assert harm(50, 20) == pytest.approx(0.6)
    assert harm(20, 50) == 0
    assert harm(30, 40, less_is_better=True) == pytest.approx(0.25)
    with pytest.raises(InputError, match="above 0"):
        harm(0, 0)


def test_kaplan_meier_counts_censored_cases_while_they_last() -> None:
    def times(*pairs: tuple[float, bool]) -> list[Duration]:
        return [Duration(*pair) for pair in pairs]

    assert kaplan_meier(times((1, False), (2, False), (3, False))) == 2
    # at 1 s: 3/4 left; at 3 s, with two at risk: 3/8
    assert kaplan_meier(times((1, False), (2, True), (3, False), (4, True))) == 3
    assert kaplan_meier(times((5, True), (6, True), (1, False))) == math.inf
    assert math.isnan(kaplan_meier([]))
    assert kaplan_meier(times((1, False), (2, False)), quantile=1.0) == 2
