"""A longer path is believed where the RTT rose at once and stays, though the flow yields; a queue is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion.connection import detour
from astraea.congestion.connection.motion import UNIT
from astraea.congestion.connection.record import INF, Connection, dtype_of, rows
from astraea.congestion.connection.window import State

MS = 1_000_000
BASE = 30 * MS


class Watched:
    """A flow past its start, told of round trips."""

    def __init__(self, watched: int = 33) -> None:
        self.f = rows(1, dtype_of(Connection))[0]
        self.c = rows(1, dtype_of(State))[0]  # as everywhere: a record of another type is compiled for itself
        self.f.min_rtt = BASE
        self.now = 0
        detour.begin(self.c)
        for _ in range(watched):
            assert not self.round(30.5, 100.0)

    def round(self, low_ms: float, window: float) -> bool:
        """One round trip whose smallest RTT is ``low_ms``, with a window of so many packets."""
        self.c.low = round(low_ms * MS)
        self.now += self.c.low
        return bool(detour.watch(self.f, self.c, round(window * UNIT), self.now))

    def rounds_until_a_test(self, lows: Any, windows: Any) -> int | None:
        for number, (low, window) in enumerate(zip(lows, windows, strict=True), start=1):
            if self.round(low, window):
                return number
        return None


def test_a_path_that_is_longer_at_once_is_tested_after_ten_round_trips_and_a_second() -> None:
    flow = Watched()
    # 120 ms: ten round trips are more than a second; the first is still under the old window
    assert flow.rounds_until_a_test([120.0] * 20, [100.0, *[40.0] * 19]) == 11
    flow = Watched()
    assert flow.rounds_until_a_test([50.0] * 40, [100.0, *[40.0] * 39]) == 21  # 20 of 50 ms make a second


@pytest.mark.parametrize(
    ("lows", "windows"),
    [
        ([60.0] * 60, [51.0] * 60),  # no more than half of it has been given up
        ([*np.linspace(31, 60, 30), *[60.0] * 30], [40.0] * 60),  # it built up, as a queue does
        ([60.0, *[44.0] * 59], [40.0] * 60),  # half of the rise is gone: it was an overshoot
        ([60.0, 75.0, 75.0] * 20, [40.0] * 60),  # it swings
        ([39.3, 83.5, 134.2, *[139.0] * 57], [40.0] * 60),  # a rival's slow start took both round trips
        ([30.5, *[60.0] * 60], [15.0, *[4.0] * 60]),  # its drain would free nothing
        ([31.5] * 60, [40.0] * 60),  # a sixteenth of the base is nothing
    ],
)
def test_what_is_not_tested(lows: list[float], windows: list[float]) -> None:
    flow = Watched()
    flow.c.before = round(windows[0] * UNIT) if windows[0] < 16 else flow.c.before
    assert flow.rounds_until_a_test(lows, windows) is None


@pytest.mark.parametrize(("watched", "number"), [(30, None), (31, 22), (32, 21)])
def test_a_rise_comes_after_32_round_trips(watched: int, number: int | None) -> None:
    # it is seen in one of two round trips
    assert Watched(watched).rounds_until_a_test([50.0] * 60, [100.0, *[40.0] * 59]) == number


@pytest.mark.parametrize(("back_ms", "number"), [(52.0, None), (65.0, 17)])
def test_a_queue_that_comes_back_is_usual_to_one_that_held_it_for_the_path(back_ms: float, number: int | None) -> None:
    flow = Watched()
    flow.f.min_rtt = 40 * MS
    assert flow.rounds_until_a_test([45.0] * 60, [100.0] * 60) is None  # a crowd's queue stands
    flow.round(30.0, 100.0)
    flow.f.min_rtt = BASE  # all have drained
    for _ in range(3):
        assert not flow.round(30.5, 100.0)
    assert flow.rounds_until_a_test([back_ms] * 60, [100.0, *[40.0] * 59]) == number


def test_an_acknowledgement_that_comes_late_is_no_news() -> None:
    flow = Watched()
    lows = [60.0] * 40
    lows[9] = 100.0  # the only one of its round trip
    assert flow.rounds_until_a_test(lows, [100.0, *[40.0] * 39]) == 17


def test_a_rise_is_looked_at_for_64_round_trips() -> None:
    flow = Watched()
    assert flow.rounds_until_a_test([60.0] * 200, [*[100.0] * 62, *[40.0] * 138]) is None


def test_a_rise_goes_on_where_the_path_becomes_longer_again() -> None:
    flow = Watched()
    lows = [*[60.0] * 60, *[100.0] * 40]
    assert flow.rounds_until_a_test(lows, [*[100.0] * 60, *[40.0] * 40]) == 60 + 12  # one more to be sure of it


def test_a_start_or_a_fallback_forgets_a_rise() -> None:
    flow = Watched()
    flow.round(60.0, 40.0)
    detour.rest(flow.c, 40 * UNIT)
    assert flow.rounds_until_a_test([60.0] * 60, [10.0] * 60) is None
    assert flow.c.before == 10 * UNIT  # what the window was fades


@pytest.mark.parametrize(("drained_ms", "longer"), [(60.0, True), (56.3, True), (56.2, False), (None, False)])
def test_a_drain_that_frees_an_eighth_has_met_a_queue(drained_ms: float | None, longer: bool) -> None:
    flow = Watched()
    assert flow.rounds_until_a_test([60.0] * 60, [40.0] * 60)
    drained = INF if drained_ms is None else round(drained_ms * MS)
    assert detour.judge(flow.f, flow.c, drained, flow.now) is longer
    flow.c.usual, flow.c.low_1, flow.c.low_2 = 0, INF, INF  # long since
    again = flow.rounds_until_a_test([30.0, 30.0, *[60.0] * 60], [100.0, 100.0, *[40.0] * 60])
    assert again == (20 if longer else 51)  # after 3 s, if it was a queue
