"""Random numbers of the compiled loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion.rng import exponential, uniform

STATE = np.dtype([("rng", "u8")])


def a_row(seed: int) -> Any:
    return np.array([(seed,)], STATE).view(np.recarray)[0]


def test_the_sequence_is_xorshift64_star() -> None:
    row = a_row(1)
    x, expected = 1, []
    for _ in range(5):  # Vigna, 'An experimental exploration of Marsaglia's xorshift generators, scrambled'
        x ^= x >> 12
        x ^= (x << 25) & (2**64 - 1)
        x ^= x >> 27
        expected.append((x * 2685821657736338717 % 2**64 >> 11) / 2**53)
    with np.errstate(over="ignore"):
        assert [uniform(row) for _ in range(5)] == expected


def test_moments() -> None:
    row = a_row(12345)
    with np.errstate(over="ignore"):
        drawn = np.array([uniform(row) for _ in range(20_000)])
        waits = np.array([exponential(row, 3.0) for _ in range(20_000)])
    assert drawn.min() >= 0
    assert drawn.max() < 1
    assert drawn.mean() == pytest.approx(0.5, abs=0.01)
    assert drawn.var() == pytest.approx(1 / 12, rel=0.05)
    assert np.corrcoef(drawn[1:], drawn[:-1])[0, 1] == pytest.approx(0, abs=0.03)
    assert waits.mean() == pytest.approx(3, rel=0.05)
    assert waits.std() == pytest.approx(3, rel=0.05)
