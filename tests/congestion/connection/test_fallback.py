"""Where a policy is not to be trusted: CUBIC in integers against exact numbers, and the way there and back."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astraea.congestion import simulate
from astraea.congestion.connection import fallback
from astraea.congestion.connection.fallback import FALLS, RETURNS, STAYS
from astraea.congestion.connection.record import OPEN
from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.simulator.topology import dumbbell

plain: Any = [getattr(one, "py_func", one) for one in (fallback.grow, fallback.judge, fallback.fall, fallback.reduce)]
grow, judge, fall, reduce = plain  # as Python, for made-up records
PACKET = 1 << 20
MS = 1_000_000


def connection(**fields: Any) -> Any:
    ranges = PolicySettings().fields()
    known = {"recovering": OPEN, "acked": 1, "window_limited": 1, "srtt_ns": 100 * MS, "window_max": 1 << 20}
    judged = {"sample_limited": 0, "intervals": 0, "acks": 0, "rtt_step_sum": 0, "min_rtt": 100 * MS, "fallback": 0}
    return SimpleNamespace(**{**ranges, **known, **judged, "window": 10 * PACKET, **fields})


def state(**fields: Any) -> Any:
    return SimpleNamespace(**{**dict.fromkeys(fallback.Fallback.__annotations__, 0), **fields})


@given(st.integers(0, 1 << 62))
def test_the_cube_root_is_the_largest_whole_number_below_it(x: int) -> None:
    root = fallback.cube_root(x)
    assert root**3 <= x
    assert (root + 1) ** 3 > x or root == (1 << 21) - 1


def test_a_reduction_is_that_of_the_rfc() -> None:
    c = state()
    assert reduce(c, 100 * PACKET) == 70 * PACKET
    assert c.w_max == c.prior == 100 * PACKET
    assert reduce(c, 80 * PACKET) == 56 * PACKET
    assert c.w_max == 68 * PACKET  # fast convergence: 80 * (1 + 0.7) / 2
    assert reduce(c, 2 * PACKET) == 2 * PACKET  # the floor


def test_the_window_follows_the_curve_of_the_rfc() -> None:
    """After a fall from 100 to 70 packets, K is the cube root of 30 / 0.4: 4.217 s; the plateau is reached there."""
    f, c = connection(), state()
    window = reduce(c, 100 * PACKET)
    c.epoch = 0
    seen = []
    now = 1
    for _ in range(4300):  # an acknowledgement a millisecond
        window = grow(f, c, window, now)
        seen.append(window)
        now += MS
    assert abs(c.k - 4217) <= 1
    for ms in (1000, 2000, 4217):  # it aims at where the curve will be in a round-trip time, and is there by then
        now_, soon = (100 + Fraction(2, 5) * Fraction(ms + ahead - c.k, 1000) ** 3 for ahead in (0, 100))
        assert now_ - Fraction(3, 10) < Fraction(seen[ms], PACKET) < soon + Fraction(3, 10)


def test_slow_growth_is_newrenos() -> None:
    """Within a short round-trip time the curve is flat, and the window grows by 9/17 packets a round trip."""
    f, c = connection(srtt_ns=MS, acked=10), state(prior=1 << 42)
    window, now = 10 * PACKET, 1
    for _ in range(100):
        window = grow(f, c, window, now)
        now += MS
    growth = Fraction(window - 10 * PACKET, PACKET)
    expected = 10.0
    for _ in range(100):
        expected += 9 / 17 * 10 / expected  # acknowledged packets over the window
    assert abs(float(growth) - (expected - 10)) < 0.05 * (expected - 10)


def test_time_without_data_to_send_does_not_move_the_curve() -> None:
    f, c = connection(window_limited=0), state(epoch=5)
    assert grow(f, c, 10 * PACKET, 10**10) == 10 * PACKET
    assert c.epoch == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [("min_rtt", 4 * MS), ("min_rtt", 1001 * MS), ("window", ((1 << 16) + 1) * PACKET), ("sample_limited", 1)],
)
def test_eight_intervals_outside_fall_and_eight_inside_return(field: str, value: int) -> None:
    f, c = connection(**{field: value}), state()
    inside = getattr(connection(), field)

    def judged(count: int) -> list[int]:
        turns = []
        for _ in range(count):
            f.intervals += 1
            f.acks += 1
            turns.append(judge(f, c, f.intervals * 10**10))
        return turns

    assert judged(8) == [STAYS] * 7 + [FALLS]
    fall(c, f.window)
    setattr(f, field, inside)
    assert judged(8) == [STAYS] * 7 + [RETURNS]
    assert f.fallback == 8 * 10**10


def test_jitter_above_half_of_the_round_trip_time_is_outside() -> None:
    for step, strange in ((50 * MS, 0), (50 * MS + MS, 1)):
        f, c = connection(intervals=1, acks=1, rtt_step_sum=step), state()
        judge(f, c, 1)
        assert c.strange == strange


@pytest.mark.compiled
def test_a_flow_on_a_path_that_its_policy_does_not_know_is_cubics_and_says_so() -> None:
    known, unknown = (
        simulate(dumbbell([{"controller": "policy"}], capacity_mbps=20, rtt_ms=rtt, duration_s=10, buffer_bdp=4))
        for rtt in (20, 2)
    )
    assert known.fallback_s[0] == 0.0
    assert unknown.fallback_s[0] > 8.0
    assert known.fallback == 0.0
    assert 0.8 < unknown.fallback <= 1.0
