"""Windowed extremes against brute force."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from astraea.congestion.controllers.filters import clear, windowed_max, windowed_min


def empty() -> np.ndarray:
    m = np.zeros(6)
    clear(m)
    return m


def test_a_maximum_is_forgotten_after_its_window() -> None:
    m = empty()
    seen = [(0.0, 3.0, 3), (1.0, 9.0, 9), (5.0, 5.0, 9), (8.0, 4.0, 9), (11.0, 2.0, 9), (11.5, 2.0, 5), (16.0, 2.0, 4)]
    assert [windowed_max(m, value, at, 10.0) for at, value, _ in seen] == [best for *_, best in seen]
    assert windowed_max(m, 1.0, 30.0, 10.0) == 1


def test_a_minimum_is_a_maximum_upside_down() -> None:
    m = empty()
    assert [windowed_min(m, value, float(at), 10.0) for at, value in enumerate([3.0, 9.0, 2.0, 5.0])] == [3, 3, 2, 2]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 100)), min_size=1, max_size=80))
def test_it_is_a_recent_value_and_no_less_than_the_newest(steps: list[tuple[int, int]]) -> None:
    m = empty()
    at = 0.0
    seen: list[tuple[float, float]] = []
    for gap, value in steps:
        at += gap
        seen.append((at, float(value)))
        best = windowed_max(m, float(value), at, 20.0)
        within = [v for t, v in seen if at - t <= 20.0]
        assert best in within
        assert best >= value
        assert best <= max(within)
