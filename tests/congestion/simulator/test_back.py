"""Acknowledgements in queues on their way back: by hand, in small numbers."""

from __future__ import annotations

from typing import Any

import pytest

from astraea.congestion.simulator.build import build
from astraea.congestion.simulator.loop import advance
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.simulator.state import SPOKEN_FOR
from astraea.errors import InputError

MS = 1_000_000
HUGE = 10**9


def world(packets: int, back: dict[str, Any], others: tuple[dict[str, Any], ...] = (), **flow: Any) -> Any:
    """Play ``packets`` sent at once over 12 Mbit/s (1 ms a packet) with 5 ms each way, for a second."""
    settings = WorldSettings(
        links=[
            {"name": "there", "capacity_mbps": 12, "delay_ms": 5, "buffer_bytes": HUGE},
            {"name": "back", "delay_ms": 5, "buffer_bytes": HUGE, **back},
        ],
        flows=[
            {"controller": "fixed", "parameter": packets, "size_bytes": 1500 * packets, "back": ("back",), **flow},
            *others,
        ],
    )
    made = build(settings)
    advance(made, 1000 * MS, False)
    return made


def heard_ms(made: Any, count: int) -> list[float]:
    """Return when the sender heard of each packet of the first flow."""
    return [made.packets["at"][0, k] / MS for k in range(count)]


def test_an_acknowledgement_takes_the_time_of_its_bytes() -> None:
    # 40 bytes at 0.64 Mbit/s are 0.5 ms; the packets arrive at 6, 7 and 8 ms
    made = world(3, {"capacity_mbps": 0.64})
    assert heard_ms(made, 3) == [11.5, 12.5, 13.5]
    assert made.links[1].bytes == 3 * 40
    # 80 bytes are 1 ms, and so is a packet on the way there: none waits
    assert heard_ms(world(3, {"capacity_mbps": 0.64}, ack_bytes=80), 3) == [12, 13, 14]
    # 160 are 2 ms: each waits a millisecond longer than the one before
    assert heard_ms(world(3, {"capacity_mbps": 0.64}, ack_bytes=160), 3) == [13, 15, 17]


def test_an_acknowledgement_waits_behind_the_data_of_the_other_direction() -> None:
    # ten packets of 1500 bytes, offered at 5.5 ms, hold 3 Mbit/s for 40 ms; 45 bytes are 0.12 ms
    other = {"controller": "fixed", "parameter": 10, "path": ("back",), "start_s": 0.0055, "size_bytes": 15_000}
    made = world(2, {"capacity_mbps": 3}, (other,), ack_bytes=45)
    waits = 10 * 1500 * 8 / 3e6 * 1e3
    assert waits == 40
    assert heard_ms(made, 2) == [5.5 + waits + 0.12 + 5, 5.5 + waits + 0.24 + 5]
    assert made.flows[0].acks == 2
    assert made.flows[0].rtt_sum == (50.62 + 50.74) * MS


def test_both_directions_share_both_queues() -> None:
    # each sends one packet at once over 12 Mbit/s: 1 ms, 5 ms, 0.1 ms of 150 bytes, 5 ms; no acknowledgement meets one
    other = {"controller": "fixed", "parameter": 1, "path": ("back",), "back": ("there",), "size_bytes": 1500}
    made = world(1, {"capacity_mbps": 12}, ({**other, "ack_bytes": 150},), ack_bytes=150)
    assert heard_ms(made, 1) == [11.1]
    assert made.packets["at"][1, 0] / MS == 11.1
    assert made.links["bytes"].tolist() == [1650, 1650]


def test_a_delayed_acknowledgement_takes_room_once() -> None:
    made = world(5, {"capacity_mbps": 0.64}, ack_every=2, ack_timeout_ms=40)
    # two of 7 ms, two of 9 ms, and the odd one of 10 ms, held back for 40
    assert heard_ms(made, 5) == [12.5, 12.5, 14.5, 14.5, 55.5]
    assert made.links[1].arrived == 3
    assert made.flows[0].acks == 3


def test_what_the_timeout_acknowledges_together_takes_room_once() -> None:
    made = world(3, {"capacity_mbps": 0.64}, ack_every=4, ack_timeout_ms=40)
    assert heard_ms(made, 3) == [51.5, 51.5, 51.5]
    assert made.links[1].arrived == 1


def test_what_a_lost_acknowledgement_would_have_said_the_next_one_says() -> None:
    # the buffer holds 1500 bytes, one acknowledgement: the second finds the first in transmission, the third has room
    made = world(4, {"capacity_mbps": 8, "buffer_bytes": 1500}, ack_bytes=1400)
    # 1.4 ms each: in at 6, out at 7.4; lost at 7 (0.4 ms, 400 bytes left); in at 8, out at 9.4; lost at 9
    assert heard_ms(made, 3) == [12.4, 14.4, 14.4]
    assert made.links[1].overflowed == 2
    flow = made.flows[0]
    assert made.packets[0, 1].status & SPOKEN_FOR
    # nothing speaks for the last one until the timeout repeats its data, and the answer to that speaks for both
    assert flow.goodput == flow.una_seq == 4
    assert (flow.lost, flow.resent) == (1, 1)
    assert made.packets["at"][0, 3] == made.packets["at"][0, 4] == flow.finished_at


def test_a_hole_is_found_though_its_report_is_lost() -> None:
    # packets 2 to 5 are sent at once into a buffer of two: 4 and 5 are lost
    settings = WorldSettings(
        links=[
            {"name": "there", "capacity_mbps": 12, "delay_ms": 5, "buffer_bytes": 3000},
            {"name": "back", "capacity_mbps": 8, "delay_ms": 5, "buffer_bytes": 1500},
        ],
        flows=[
            {"controller": "fixed", "parameter": 4, "size_bytes": 1500 * 40, "path": ("there",), "back": ("back",),
             "ack_bytes": 1400}
        ],
    )  # fmt: skip
    made = build(settings)
    advance(made, 5000 * MS, False)
    flow = made.flows[0]
    assert made.links[1].overflowed > 0
    assert flow.goodput == flow.una_seq == 40
    assert flow.phase == 2


def test_several_links_on_the_way_back_are_crossed_in_order() -> None:
    # 40 bytes: 0.5 ms and 1 ms; the second is the narrower, where the acknowledgements of 7 and 8 ms wait
    settings = WorldSettings(
        links=[
            {"name": "there", "capacity_mbps": 12, "delay_ms": 5, "buffer_bytes": HUGE},
            {"name": "near", "capacity_mbps": 0.64, "delay_ms": 2, "buffer_bytes": HUGE},
            {"name": "far", "capacity_mbps": 0.16, "delay_ms": 3, "buffer_bytes": HUGE},
        ],
        flows=[{"controller": "fixed", "parameter": 3, "size_bytes": 4500, "back": ("near", "far")}],
    )
    made = build(settings)
    advance(made, 1000 * MS, False)
    assert heard_ms(made, 3) == [13.5, 15.5, 17.5]


def test_a_loss_on_a_later_link_back_costs_nothing_but_time() -> None:
    links = [
        {"name": "there", "capacity_mbps": 12, "delay_ms": 5, "buffer_bytes": HUGE},
        {"name": "near", "capacity_mbps": 12, "delay_ms": 2, "buffer_bytes": HUGE, "loss": 0.5},
        {"name": "far", "capacity_mbps": 12, "delay_ms": 3, "buffer_bytes": HUGE, "loss": 0.5},
    ]
    flow = {"controller": "fixed", "parameter": 10, "size_bytes": 1500 * 1000, "back": ("near", "far"), "ack_every": 2}
    made = build(WorldSettings(links=links, flows=[flow], seed=3))
    advance(made, 30_000 * MS, False)
    near, far = made.links[1], made.links[2]
    assert near.corrupted > 100
    assert far.corrupted > 50
    assert made.flows[0].goodput == made.flows[0].una_seq == 1000
    assert far.arrived == near.carried


def test_the_base_round_trip_counts_both_ways() -> None:
    # 5 ms there, 5 ms back, and 20 ms between the receiver and the first link back
    assert heard_ms(world(1, {"capacity_mbps": 0.64}, rtt_ms=30), 1) == [31.5]
    with pytest.raises(InputError, match=r"an rtt of 9\.0 ms, but its path takes 5\.0 ms and its way back 5\.0 ms"):
        world(1, {}, rtt_ms=9)


def test_a_path_without_names_leaves_out_the_way_back() -> None:
    settings = WorldSettings(
        links=[{"name": "a"}, {"name": "b"}, {"name": "c"}], flows=[{"back": ("b",)}, {"path": ("b",)}]
    )
    assert settings.ways() == [([0, 2], [1]), ([1], [])]
    with pytest.raises(InputError, match="none to send over: name its path"):
        build(WorldSettings(flows=[{"back": ("bottleneck",)}]))
    with pytest.raises(InputError, match="unknown link 'd'"):
        WorldSettings(flows=[{"back": ("d",)}]).ways()
