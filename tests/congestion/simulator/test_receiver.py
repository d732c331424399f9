"""When acknowledgements arrive: delayed, stretched, aggregated, jittered."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion import simulate
from astraea.congestion.simulator.build import build
from astraea.congestion.simulator.loop import advance
from astraea.congestion.simulator.settings import WorldSettings

MS = 1_000_000


def first_flight(packets: int, until_ms: float = 1000.0, **flow: Any) -> tuple[Any, Any]:
    """Send ``packets`` at once over 12 Mbit/s (1 ms a packet) with 10 ms of round trip; return flow and packets."""
    settings = WorldSettings(
        links=[{"capacity_mbps": 12, "delay_ms": 5, "buffer_bytes": 10**6}],
        flows=[{"controller": "fixed", "parameter": packets, "size_bytes": 1500 * packets, **flow}],
    )
    world = build(settings)
    advance(world, round(until_ms * MS), False)
    return world.flows[0], world.packets[0]


def ack_times_ms(packets: Any, count: int) -> list[float]:
    return [packets["at"][k] / MS for k in range(count)]


def test_each_packet_is_acknowledged_after_its_round_trip() -> None:
    flow, packets = first_flight(4)
    assert ack_times_ms(packets, 4) == [11, 12, 13, 14]
    assert flow.acks == 4


def test_two_packets_share_a_delayed_acknowledgement_and_the_odd_one_waits() -> None:
    flow, packets = first_flight(5, ack_every=2, ack_timeout_ms=40)
    assert ack_times_ms(packets, 5) == [12, 12, 14, 14, 55]
    assert flow.acks == 3
    assert flow.finished_at == 55 * MS


def test_a_hole_is_reported_at_once() -> None:
    # the buffer of two packets takes 0 and 1, and 2 and 3 find no room; 4 is sent once 0 and 1 are acknowledged
    settings = WorldSettings(
        links=[{"capacity_mbps": 12, "delay_ms": 5, "buffer_bytes": 3000}],
        flows=[{"controller": "fixed", "parameter": 4, "ack_every": 2, "size_bytes": 1500 * 6}],
    )
    world = build(settings)
    advance(world, 1000 * MS, False)
    assert ack_times_ms(world.packets[0], 2) == [12, 12]
    # 4 and 5 leave at 12 ms and reveal the hole: acknowledged one by one
    assert ack_times_ms(world.packets[0, 4:], 2) == [23, 24]
    assert world.flows[0].goodput == 6


def test_slots_release_acknowledgements_together() -> None:
    flow, packets = first_flight(6, ack_slot_ms=4)
    assert ack_times_ms(packets, 6) == [12, 12, 16, 16, 16, 16]
    assert flow.acks == 2


@pytest.mark.compiled
def test_jitter_delays_by_its_mean_and_keeps_the_order() -> None:
    result = simulate(
        links=[{"capacity_mbps": 100, "delay_ms": 5}],
        flows=[{"controller": "fixed", "parameter": 1, "jitter_ms": 2.0}],
        duration_s=30.0,
    )
    # one packet at a time: 10 ms + 0.12 ms of transmission + 2 ms on average
    assert np.nanmean(result.rtt_ms) == pytest.approx(12.12, abs=0.2)
    assert np.nanmin(result.rtt_min_ms) == pytest.approx(10.12, abs=0.05)
    flow, packets = first_flight(50, jitter_ms=3.0)
    assert (np.diff(packets["at"][:50]) >= 0).all()
    assert flow.goodput == 50
