"""What goes out when: windows, pacing, bursts, the receive window, rings that grow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion.simulator.build import build
from astraea.congestion.simulator.loop import advance
from astraea.congestion.simulator.settings import WorldSettings

MS = 1_000_000


def a_world(window: float, settings: dict[str, Any] | None = None, **flow: Any) -> Any:
    """Return a world of one fixed window over 12 Mbit/s (1 ms a packet) with 10 ms of round trip."""
    return build(
        WorldSettings(
            links=[{"capacity_mbps": 12, "delay_ms": 5, "buffer_bytes": 2 * 10**6}],
            flows=[{"controller": "fixed", "parameter": window, **flow}],
            **(settings or {}),
        )
    )


def test_a_fraction_of_a_packet_does_not_go_out() -> None:
    world = a_world(4.9)
    advance(world, 1, False)
    assert world.flows[0].inflight == 4


def test_pacing_spaces_packets_evenly() -> None:
    world = a_world(10.0)
    advance(world, 0, False)
    flow = world.flows[0]
    flow.pacing_rate = 250.0  # 4 ms apart from the next packet on
    advance(world, 200 * MS, False)
    sent = world.packets[0]["sent"][10:40]
    assert set(np.diff(sent[sent > 0])) == {4 * MS}


def test_a_paced_window_is_spread_over_the_round_trip() -> None:
    world = a_world(5.0, paced=True)
    advance(world, 1000 * MS, False)
    flow = world.flows[0]
    assert flow.pacing_rate == pytest.approx(1.2 * 5 / 11e-3, rel=0.01)


def test_segmentation_sends_whole_bursts() -> None:
    world = a_world(8.0, burst_packets=4)
    advance(world, 500 * MS, False)
    flow = world.flows[0]
    sent = world.packets[0]["sent"][: min(int(flow.sent), 64)]
    assert flow.sent > 64
    _, together = np.unique(sent, return_counts=True)
    assert (together % 4 == 0).all()


def test_the_receive_window_bounds_what_is_out() -> None:
    world = a_world(50.0, settings={"window_max_packets": 8})
    advance(world, 100 * MS, False)
    assert world.flows[0].inflight == 8


def test_rings_grow_with_the_window_and_lose_nothing() -> None:
    world = a_world(700.0)  # the ring begins with 64 rows
    advance(world, 3000 * MS, False)
    flow = world.flows[0]
    assert flow.mask == 1023
    assert flow.lost == 0
    assert flow.inflight == 700
    assert flow.sent == flow.delivered + 700
    assert flow.goodput == flow.delivered == flow.una_seq
    # one packet arrives per millisecond, the first after 11 ms
    assert flow.delivered == 3000 - 10
