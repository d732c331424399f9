"""A rate that swings against the delay tells of rivals; newcomers, dips, and shares that stay do not."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

import numpy as np
import pytest

from astraea.congestion.connection import swings
from astraea.congestion.connection.motion import UNIT
from astraea.congestion.connection.record import INF, Connection, dtype_of, rows
from astraea.congestion.connection.window import State

MS = 1_000_000
BASE = 30
Trips = Iterable[tuple[float, float]]


class Watched:
    """A flow past its start, told of round trips."""

    def __init__(self, refresh_s: float = 10.0) -> None:
        self.f = rows(1, dtype_of(Connection))[0]
        self.c = rows(1, dtype_of(State))[0]
        self.f.min_rtt = BASE * MS
        self.f.refresh_after = round(refresh_s * 1e9)
        self.now = 1_000 * MS
        swings.look_anew(self.f, self.c)

    def swings_at(self, trips: Trips) -> float | None:
        """Return after how many seconds of ``trips``, each a queueing delay in ms and packets per ms, rivals show."""
        began = self.now
        for queue, rate in trips:
            rtt = round((BASE + queue) * MS)
            self.now += rtt
            self.f.srtt_ns = rtt
            if swings.swung(self.f, self.c, rtt, round(rate * (BASE + queue) * UNIT), self.now):
                return (self.now - began) * 1e-9
        return None


def lasting(seconds: float, queue: float, rate: float) -> Trips:
    return [(queue, rate)] * round(seconds * 1e3 / (BASE + queue))


def sawtooth(seconds: float, most: float) -> Trips:
    """One cycle of a rival that fills the queue and empties it with a cut, and what it leaves."""
    queues = np.linspace(1.0, most, round(seconds * 1e3 / (BASE + most / 2)))
    return [(queue, 30.0 / queue) for queue in queues.tolist()]


def test_the_second_climb_of_a_rival_tells() -> None:
    flow = Watched()
    assert flow.swings_at(sawtooth(12.0, 30.0)) is None
    seen = flow.swings_at(sawtooth(12.0, 30.0))
    assert seen is not None
    assert 2.0 < seen < 12.0


def test_what_was_seen_is_forgotten_with_the_evidence() -> None:
    flow = Watched()
    cycles = [sawtooth(12.0, 30.0) for _ in range(3)]
    assert flow.swings_at(chain(*cycles[:2])) is not None
    assert flow.swings_at(cycles[2]) is None  # a climb without a relief before


@pytest.mark.parametrize("least", [0.5, 5.0, 20.0])
def test_a_share_that_stays_tells_nothing_however_the_queue_moves(least: float) -> None:
    rng = np.random.default_rng(3)
    queues = [float(queue) for queue in rng.uniform(least, 40.0, 40)]
    trips = [trip for queue in queues for trip in lasting(1.5, queue, 1.0)]
    assert Watched().swings_at(trips) is None


def test_newcomers_who_halve_a_share_again_and_again_tell_nothing() -> None:
    trips = [trip for k in range(7) for trip in lasting(2.0, 0.5 * 2**k, 8.0 / 2**k)]
    assert Watched().swings_at(trips) is None


def test_a_dip_that_others_drains_make_is_no_relief() -> None:
    cycle = [*lasting(3.0, 25.0, 1.0), *lasting(0.5, 1.0, 4.0)]
    assert Watched().swings_at(cycle * 6) is None


def test_rivals_in_a_queue_below_a_quarter_of_the_base_tell_nothing() -> None:
    assert Watched().swings_at(chain(*(sawtooth(12.0, 7.0) for _ in range(3)))) is None


def test_a_squeeze_long_after_a_relief_tells_nothing() -> None:
    trips = [*lasting(3.0, 30.0, 0.5), *lasting(29.0, 1.0, 5.0), *lasting(3.0, 30.0, 0.5)]
    assert Watched().swings_at(trips) is not None
    assert Watched(refresh_s=9.0).swings_at(trips) is None


def test_a_base_that_moved_begins_anew() -> None:
    flow = Watched()
    assert flow.swings_at([*lasting(3.0, 30.0, 0.5), *lasting(3.0, 1.0, 5.0)]) is None
    assert flow.c.relieved
    flow.f.min_rtt = 33 * MS
    assert flow.swings_at(lasting(3.0, 30.0, 0.5)) is None
    assert not flow.c.relieved


def test_a_round_trip_without_a_time_is_left_out() -> None:
    flow = Watched()
    before: Any = flow.c.copy()
    assert not swings.swung(flow.f, flow.c, INF, UNIT, flow.now)
    assert flow.c == before
