"""Logarithms and ratios in integers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astraea.congestion.connection.fixed_point import LOG_TABLE, ONE, log2, ratio


@pytest.mark.parametrize("exponent", [0, 1, 9, 23, 24, 25, 40, 62])
def test_powers_of_two_are_exact(exponent: int) -> None:
    assert log2(1 << exponent) == 1024 * exponent


def test_known_values() -> None:
    assert log2(3) == 1623  # 1024 * 1.58496 = 1622.9985, interpolated at the table's own point 3/2
    assert log2(10) == 3401  # 1024 * 3.32193 = 3401.65
    assert ratio(1, 3) == 341
    assert ratio(5, 2) == 2560


@given(st.integers(1, (1 << 62) - 1))
def test_logarithms_are_right_within_a_unit_and_never_fall(x: int) -> None:
    assert abs(log2(x) - 1024 * math.log2(x)) <= 1.05
    assert log2(x + 1) >= log2(x)


def test_the_table_is_what_a_kernel_would_hold() -> None:
    assert (LOG_TABLE[0], LOG_TABLE[32], LOG_TABLE[64]) == (0, 38336, 65536)
    assert LOG_TABLE[32] == round(math.log2(1.5) * 65536)
    assert ONE == 1024
