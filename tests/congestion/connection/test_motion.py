"""How a window moves, against exact fractions: roundings are where they are said to be, and 64 bits suffice."""

from __future__ import annotations

from fractions import Fraction
from math import floor

from hypothesis import given
from hypothesis import strategies as st

from astraea.congestion.connection.measure import measure_rtt
from astraea.congestion.connection.motion import LEAST, MOST, UNIT, moved, paced, part_of, units
from astraea.congestion.connection.record import Connection, dtype_of, rows

WINDOWS = st.integers(LEAST, MOST)
TIMES = st.integers(1, 1 << 42)


def down(x: Fraction) -> Fraction:
    """Return ``x`` rounded down to units."""
    return Fraction(floor(x * UNIT), UNIT)


@given(window=WINDOWS, gain=st.integers(0, UNIT - 1), action=st.integers(-UNIT, UNIT))
def test_a_window_moves_as_exact_fractions_say(window: int, gain: int, action: int) -> None:
    size = down(Fraction(gain, UNIT) * Fraction(abs(action), UNIT))
    exact = Fraction(window, UNIT) * (1 + size) if action >= 0 else Fraction(window, UNIT) / (1 + size)
    assert Fraction(moved(window, gain, action), UNIT) == down(exact)


@given(window=WINDOWS, part=TIMES, whole=TIMES)
def test_a_part_is_what_exact_fractions_say(window: int, part: int, whole: int) -> None:
    exact = down(Fraction(window, UNIT) * down(min(Fraction(part, whole), Fraction(1))))
    assert Fraction(part_of(window, part, whole), UNIT) == exact


@given(window=WINDOWS, tenths=st.integers(1, 20), srtt=TIMES)
def test_a_pace_is_what_exact_fractions_say(window: int, tenths: int, srtt: int) -> None:
    per_ms = down(Fraction(window, UNIT) * Fraction(tenths, 10) / Fraction(max(srtt, 10_000), 1_000_000))
    exact = max(floor(per_ms * 1000 * 1024), 1)
    assert paced(window, tenths, srtt) == exact


@given(st.lists(st.integers(1, 1 << 41), min_size=1, max_size=30))
def test_round_trip_times_are_smoothed_as_exact_fractions_say(times: list[int]) -> None:
    f = rows(1, dtype_of(Connection))[0]
    f.block_length = 1
    exact = times[0]
    for number, rtt in enumerate(times):
        measure_rtt(f, rtt, 1, number)
        exact = max(floor(Fraction(7 * exact + rtt, 8)), 1) if number else rtt
        assert f.srtt_ns == exact


def test_floats_become_the_nearest_unit() -> None:
    assert [units(x) for x in (0.0, 1.0, -1.0, 0.025, -0.025, 0.4 / UNIT, 0.6 / UNIT, -0.6 / UNIT)] == [
        0, UNIT, -UNIT, 26214, -26214, 0, 1, -1,
    ]  # fmt: skip


@given(st.integers(-UNIT, UNIT))
def test_an_action_survives_its_way_as_a_float(action: int) -> None:
    assert units(action / UNIT) == action


def test_a_window_of_a_hundred_packets_by_hand() -> None:
    window, gain = 100 * UNIT, units(0.025)  # 26214 units
    assert moved(window, gain, UNIT) == window + 100 * 26214
    assert moved(window, gain, -UNIT) == (window << 20) // (UNIT + 26214) == 102_300_135
    assert part_of(window, 1, 3) == 100 * 349_525
    assert paced(window, 12, 50_000_000) == 1024 * 2400 - 1  # 120 packets in 50 ms, a unit below: 2516582.4 are rounded
