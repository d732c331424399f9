"""Usual networks."""

from __future__ import annotations

from typing import Any

import pytest

from astraea.congestion import FlowSettings, simulate
from astraea.congestion.simulator.topology import buffer_for, dumbbell, parking_lot, two_way
from astraea.errors import InputError


def test_a_buffer_is_a_multiple_of_the_pipe() -> None:
    assert buffer_for(100.0, 30.0, 1.0) == 375_000
    assert buffer_for(100.0, 30.0, 0.1) == 37_500
    assert buffer_for(1.0, 1.0, 0.1) == 3000


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ((float("nan"), 30.0, 1.0), "the capacity is nan: it must be a number from 0 to 1,000,000"),
        ((100.0, float("inf"), 1.0), "the RTT is inf: it must be a number from 0 to 100,000"),
        ((100.0, 30.0, -1.0), "the buffer is -1: it must be a number from 0"),
    ],
)
def test_a_buffer_of_no_size_is_refused(numbers: tuple[float, float, float], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        buffer_for(*numbers)


def test_a_dumbbell_gives_each_flow_its_round_trip() -> None:
    flows: list[FlowSettings | dict[str, Any]] = [
        {"controller": "fixed", "rtt_ms": 20.0},
        FlowSettings(controller="fixed"),
        {"controller": "fixed"},
    ]
    settings = dumbbell(flows, rtt_ms=40.0, duration_s=1.0, link={"loss": 0.0})
    assert [flow.rtt_ms for flow in settings.flows] == [20, 40, 40]
    assert settings.links[0].delay_ms == 10
    assert simulate(settings).rtt_min_ms[:, -1] == pytest.approx([20.1, 40.1, 40.1], abs=0.3)


def test_a_parking_lot_has_a_long_flow_and_one_per_link() -> None:
    settings = parking_lot(3, long_flow={"controller": "newreno"}, cross_flow={"controller": "cubic"})
    assert [flow.name for flow in settings.flows] == ["long", "cross-0", "cross-1", "cross-2"]
    assert [flow.path for flow in settings.flows] == [(), ("hop-0",), ("hop-1",), ("hop-2",)]
    assert settings.links[2].name == "hop-2"


@pytest.mark.compiled
def test_a_flow_of_many_bottlenecks_gets_less_than_those_it_meets() -> None:
    world = {"capacity_mbps": 50.0, "duration_s": 60.0}
    result = simulate(
        parking_lot(3, long_flow={"controller": "newreno"}, cross_flow={"controller": "newreno"}, **world)
    )
    shares = result.goodput_mbps[:, 200:].mean(axis=1)
    assert 0.5 < shares[0] < 0.8 * 25
    assert shares[0] + shares[1:] == pytest.approx([50.0] * 3, rel=0.1)


def test_a_round_trip_of_nothing_is_refused() -> None:
    with pytest.raises(
        InputError, match="the RTT is 0 ms, of which a buffer in bandwidth-delay products holds nothing"
    ):
        dumbbell([{"controller": "cubic"}], rtt_ms=0)


def test_two_ways_have_a_link_and_a_queue_each() -> None:
    world = two_way(
        [{"controller": "fixed"}], [{"controller": "fixed", "rtt_ms": 60}], capacity_mbps=50, back_mbps=1, buffer_bdp=4
    )
    assert [(link.name, link.capacity_mbps, link.delay_ms, link.buffer_bytes) for link in world.links] == [
        ("there", 50, 15, 4 * 187_500),
        ("back", 1, 15, 4 * 3750),
    ]
    assert [(flow.path, flow.back, flow.rtt_ms) for flow in world.flows] == [
        (("there",), ("back",), 30),
        (("back",), ("there",), 60),
    ]
    assert two_way([{}], back_mbps=1, rtt_ms=10).links[1].buffer_bytes == 3000  # two packets
