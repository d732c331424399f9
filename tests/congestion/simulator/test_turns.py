"""Taking turns at a link: who sends, who waits, who pauses, and that the link is kept busy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion.play import simulate
from astraea.congestion.simulator.build import build
from astraea.congestion.simulator.loop import advance
from astraea.congestion.simulator.results import Result
from astraea.congestion.simulator.settings import LinkSettings, Turn, WorldSettings
from astraea.congestion.simulator.turns import OVER
from astraea.errors import InputError

SIZE = 150_000  # a hundred packets, 0.12 s on the link
LINK = LinkSettings(name="l", capacity_mbps=10, delay_ms=5, buffer_bytes=30_000)


def played(priorities: list[float], starts: list[float] | None = None, asks: float = 1e6, **turns: Any) -> Result:
    flows = tuple(
        {
            "controller": "newreno",
            "size_bytes": SIZE,
            "start_s": 0.0 if starts is None else starts[i],
            "turn": Turn(link="l", priority=priority, asks_mbps=asks),
        }
        for i, priority in enumerate(priorities)
    )
    settings = WorldSettings(links=(LINK,), flows=flows, duration_s=3.0, sample_ms=0, turns=turns)
    return simulate(settings)


def ended(result: Result) -> list[float]:
    return (result.start_s + result.completion_s).tolist()


def test_one_at_a_time_is_let_in_by_priority() -> None:
    found = played([1, 3, 2], few=1, preempt=False)

    assert np.argsort(found.start_s).tolist() == [1, 2, 0]
    assert found.start_s[1] == 0
    assert found.start_s[2] == pytest.approx(ended(found)[1], abs=1e-9)
    assert found.start_s[0] == pytest.approx(ended(found)[2], abs=1e-9)


def test_two_at_a_time_leave_the_third_waiting_for_the_first_to_end() -> None:
    found = played([1, 3, 2], few=2, preempt=False)

    assert found.start_s[1] == found.start_s[2] == 0
    assert found.start_s[0] == pytest.approx(min(ended(found)[1:]), abs=1e-9)


def test_equal_priorities_go_in_order() -> None:
    assert np.argsort(played([0, 0, 0], few=1, preempt=False).start_s).tolist() == [0, 1, 2]


def test_those_that_cannot_fill_the_link_do_not_keep_others_out() -> None:
    found = played([3, 2, 1], asks=4, few=1, preempt=False)  # 4 + 4 Mbit/s leave room, 12 do not

    assert found.start_s.tolist() == [0, 0, 0]


def test_who_comes_later_but_goes_first_lets_another_pause() -> None:
    late = [0.0, 0.05]
    alone = ended(played([1.0]))[0]
    first, second = ended(played([1, 2], late))
    other, patient = ended(played([2, 1], late))

    assert second < first
    assert second - 0.05 == pytest.approx(alone, rel=0.25)
    assert other == pytest.approx(alone, rel=0.15)
    assert other < patient


def test_the_link_stays_busy_while_the_first_is_in_slow_start() -> None:
    flows = 8
    last = max(ended(played([0.0] * flows)))

    assert last == pytest.approx(flows * SIZE * 8e-7 / 1.0, rel=0.12)


def test_weights_follow_the_turns() -> None:
    flows = tuple({"controller": "newreno", "size_bytes": SIZE, "turn": Turn(link="l", priority=p)} for p in (1, 2, 3))
    link = LINK.model_copy(update={"delay_ms": 50.0})  # first windows leave room for the next two
    settings = WorldSettings(links=(link,), flows=flows, duration_s=9.0, sample_ms=0, turns={"heaviest": 8})
    world = build(settings)

    advance(world, 1_000_000, False)
    assert world.flows["parameter"].tolist() == [1, 2, 8]  # each a quarter of the one before, and at least 1
    advance(world, 9_000_000_000, False)
    assert world.flows["turn"].tolist() == [OVER] * 3


def test_an_unknown_link_is_named() -> None:
    with pytest.raises(InputError, match="unknown link 'm'"):
        simulate(WorldSettings(links=(LINK,), flows=({"size_bytes": 1500, "turn": Turn(link="m")},)))
