"""The names of the room that are promised to its users."""

from __future__ import annotations

import pytest

import astraea.congestion
from astraea.congestion import dumbbell, score, simulate
from astraea.errors import InputError


def test_a_world_of_few_words_is_simulated_and_scored() -> None:
    flows = [
        {"controller": "newreno", "start_s": 0.0, "jitter_ms": 0.0, "ack_every": 2},
        {"controller": "vegas", "start_s": 0.5, "size_bytes": 30_000},
    ]
    world = dumbbell(flows, capacity_mbps=2, rtt_ms=40, duration_s=3, buffer_bdp=2)
    assert world.links[0].buffer_bytes == 20_000  # two products of 2 Mbit/s and 40 ms
    found = score(simulate(world))
    assert (found.utilisation, found.loss, found.queue_ms) == pytest.approx((1.0, 0.0707, 55.2), abs=1e-3)
    assert 0.5 < found.jain <= 1
    assert found.flows[1].completion is not None


def test_a_flows_unknown_field_is_named() -> None:
    with pytest.raises(InputError, match=r"unknown setting 'jitter'; did you mean 'jitter_ms'"):
        dumbbell([{"controller": "cubic", "jitter": 1}])


def test_every_name_leads_to_something() -> None:
    for name in astraea.congestion.__all__:
        assert getattr(astraea.congestion, name) is not None, name
