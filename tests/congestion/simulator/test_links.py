"""The virtual clock of a link: departures to the nanosecond, drops, marks, losses, capacity that varies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion.connection.record import INF, rows
from astraea.congestion.simulator.links import arrival, backlog, extra_delay, offer
from astraea.congestion.simulator.state import DELAY, LINK, SEGMENT

CONSTANT = rows(1, SEGMENT)


def a_link(**fields: Any) -> Any:
    """Return a link of 100 Mbit/s, i.e. 80 ns a byte, that never drops."""
    link = rows(1, LINK)[0]
    defaults = {"ns_per_byte": 80.0, "buffer": INF, "mark_above": INF, "rng": 1, "period": INF, "period_work": 1e300}
    for name, value in {**defaults, **fields}.items():
        setattr(link, name, value)
    return link


def test_packets_leave_one_transmission_after_another() -> None:
    link = a_link()
    assert offer(link, CONSTANT, 1500, 0) == (120_000, False)
    assert offer(link, CONSTANT, 1500, 0) == (240_000, False)
    assert offer(link, CONSTANT, 1500, 1_000_000) == (1_120_000, False)


def test_the_backlog_is_what_has_not_left() -> None:
    link = a_link()
    offer(link, CONSTANT, 1500, 0)
    offer(link, CONSTANT, 1500, 0)
    assert backlog(link, CONSTANT, 60_000) == 2250
    assert backlog(link, CONSTANT, 240_000) == 0


def test_what_does_not_fit_is_dropped() -> None:
    link = a_link(buffer=3000)
    times = [offer(link, CONSTANT, 1500, at)[0] for at in (0, 0, 0, 119_999, 120_000)]
    assert times == [120_000, 240_000, -1, -1, 360_000]
    assert (link.arrived, link.overflowed, link.carried) == (5, 2, 3)


def test_rounding_to_nanoseconds_does_not_accumulate() -> None:
    link = a_link(ns_per_byte=8e3 / 7)  # 7 Mbit/s: 1714285.71 ns a packet
    for _ in range(1000):
        departure, _ = offer(link, CONSTANT, 1500, 0)
    assert departure == pytest.approx(1500 * 8e6 / 7, abs=1)


def test_marks_begin_above_the_threshold() -> None:
    link = a_link(mark_above=1500)
    assert [offer(link, CONSTANT, 1500, 0)[1] for _ in range(4)] == [False, False, True, True]
    assert link.marked == 2


@np.errstate(over="ignore")
def test_random_loss_strikes_at_its_rate_and_uses_capacity() -> None:
    link = a_link(loss=0.3)
    lost = sum(offer(link, CONSTANT, 1500, 0)[0] < 0 for _ in range(4000))
    assert lost == link.corrupted == pytest.approx(1200, abs=4 * np.sqrt(4000 * 0.3 * 0.7))
    assert link.busy == 4000 * 120_000


def varying() -> tuple[Any, Any]:
    """Return a link with a lap of 1 ms at 80 ns a byte, 1 ms of nothing and 1 ms at 160 ns a byte."""
    segments = rows(3, SEGMENT)
    segments["at"] = [0, 1_000_000, 2_000_000]
    segments["work"] = [0, 12_500, 12_500]
    segments["ns_per_byte"] = [80.0, np.inf, 160.0]
    return a_link(first=0, last=3, period=3_000_000, period_work=18_750.0), segments


def test_capacity_that_varies_carries_across_an_outage_and_laps() -> None:
    link, segments = varying()
    # eight packets fit before the outage (12,000 of 12,500 bytes), the ninth ends 1,000 bytes after it
    times = [offer(link, segments, 1500, 0)[0] for _ in range(13)]
    assert times[7] == 960_000
    assert times[8] == 2_160_000
    assert times[11] == 2_880_000  # 18,000 bytes: 5,500 after the outage
    assert times[12] == 3_060_000  # 19,500 bytes: 750 into the next lap
    assert backlog(link, segments, 2_000_000) == 7000
    assert offer(link, segments, 1500, 3_500_000)[0] == 3_620_000  # idle again


def test_work_that_ends_with_a_stretch_is_done_before_the_outage() -> None:
    link, segments = varying()
    assert offer(link, segments, 12_500, 0)[0] == 1_000_000


def lengthening() -> tuple[Any, Any]:
    """Return a link of 10 ms that has 30 ms more from 1 s to 2 s."""
    delays = rows(3, DELAY)
    delays["at"] = [0, 10**9, 2 * 10**9]
    delays["extra"] = [0, 30_000_000, 0]
    return a_link(delay=10_000_000, first_delay=0, last_delay=3), delays


def test_a_packet_takes_the_delay_of_its_departure_and_overtakes_none() -> None:
    link, delays = lengthening()
    times = [arrival(link, delays, ms * 1_000_000) for ms in (0, 999, 1000, 1990, 2000, 2019, 2021)]
    assert [time / 1e6 for time in times] == [10, 1009, 1040, 2030, 2030, 2030, 2031]


def test_delays_are_asked_for_at_earlier_times_too() -> None:
    link, delays = lengthening()
    assert [extra_delay(link, delays, at * 10**9) / 1e6 for at in (0, 3, 1, 2, 0)] == [0, 0, 30, 0, 0]
