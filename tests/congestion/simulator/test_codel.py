"""CoDel's control law (RFC 8289) on hand-worked waiting times."""

from __future__ import annotations

from typing import Any

from astraea.congestion.connection.record import rows
from astraea.congestion.simulator.codel import refuses
from astraea.congestion.simulator.state import LINK

MS = 1_000_000


def a_link() -> Any:
    link = rows(1, LINK)[0]
    link.codel_target = 5 * MS
    link.codel_interval = 100 * MS
    return link


def drops(link: Any, waited_ms: int, until_ms: int, start_ms: int = 0) -> list[int]:
    """Return when packets are dropped if one is dequeued every millisecond after the same wait."""
    return [now for now in range(start_ms, until_ms) if refuses(link, waited_ms * MS, now * MS)]


def test_short_waits_are_never_refused() -> None:
    assert drops(a_link(), 4, 1000) == []


def test_drops_begin_after_an_interval_and_come_faster() -> None:
    # first above at 0 -> drop at 100; then 100 / sqrt(1) later, 100 / sqrt(2), 100 / sqrt(3), ...
    assert drops(a_link(), 6, 420) == [100, 200, 271, 329, 379]


def test_a_short_wait_resets() -> None:
    link = a_link()
    assert drops(link, 6, 150) == [100]
    assert not refuses(link, 4 * MS, 150 * MS)
    assert drops(link, 6, 240, start_ms=151) == []


def test_dropping_that_resumes_soon_goes_on_at_its_rate() -> None:
    link = a_link()
    drops(link, 6, 420)  # count reaches 5
    refuses(link, 4 * MS, 420 * MS)
    # above from 421 on: next drop at 521, then at the rate of count 5 - 1 = 4: 100 / sqrt(4)
    assert drops(link, 6, 580, start_ms=421) == [521, 571]
