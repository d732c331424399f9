"""Nothing is lost but what is counted: packets and data in any world."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from astraea.congestion.controllers.catalogue import controllers
from astraea.congestion.simulator.arrays import allocate, shape_of, world_at
from astraea.congestion.simulator.build import fill
from astraea.congestion.simulator.loop import advance
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.simulator.state import DROPPED

LINKS = st.fixed_dictionaries(
    {
        "capacity_mbps": st.sampled_from([2.0, 10.0, 33.3]),
        "delay_ms": st.sampled_from([0.0, 1.0, 10.0]),
        "buffer_bytes": st.sampled_from([1500, 9000, 60_000]),
        "loss": st.sampled_from([0.0, 0.0, 0.01, 0.2]),
    },
    optional={
        "mark_above_bytes": st.just(6000),
        "codel_target_ms": st.just(5.0),
        "codel_marks": st.booleans(),
        "steps": st.just(((0, 10), (0.1, 0), (0.25, 3), (0.4, 20))),
    },
)
FLOWS = st.fixed_dictionaries(
    {"controller": st.sampled_from(sorted(controllers())), "rtt_ms": st.sampled_from([30.0, 70.0])},
    optional={
        "parameter": st.sampled_from([1.0, 6.5, 80.0, 300.0]),
        "start_s": st.sampled_from([0.0, 0.05, 0.2]),
        "end_s": st.sampled_from([0.3, 0.6]),
        "size_bytes": st.sampled_from([1, 30_000, 200_000]),
        "app_mbps": st.just(2.0),
        "ack_every": st.integers(1, 4),
        "ack_slot_ms": st.sampled_from([0.0, 3.0]),
        "jitter_ms": st.sampled_from([0.0, 1.0]),
        "burst_packets": st.integers(1, 4),
        "paced": st.booleans(),
    },
)


@settings(max_examples=40, deadline=None)
@given(
    links=st.lists(LINKS, min_size=1, max_size=3),
    flows=st.lists(FLOWS, min_size=1, max_size=4),
    seed=st.integers(0, 2**32),
    window=st.sampled_from([4, 30, 1 << 20]),
    ring=st.sampled_from([64, None]),
    data=st.data(),
)
def test_packets_and_data_are_conserved(
    links: list[dict[str, Any]],
    flows: list[dict[str, Any]],
    seed: int,
    window: int,
    ring: int | None,
    data: st.DataObject,
) -> None:
    names = [f"link-{j}" for j in range(len(links))]
    some, none = (st.lists(st.sampled_from(names), min_size=least, unique=True) for least in (1, 0))
    queued = data.draw(st.booleans())  # whether acknowledgements cross links as well
    flows = [
        {
            **flow,
            "rtt_ms": flow["rtt_ms"] + 30.0 * queued,
            "path": tuple(data.draw(some)),
            "back": tuple(data.draw(none)) if queued else (),
        }
        for flow in flows
    ]
    world_settings = WorldSettings(
        links=[{**link, "name": name} for link, name in zip(links, names, strict=True)],
        flows=flows,
        duration_s=0.8,
        seed=seed,
        window_max_packets=window,
    )
    shape = shape_of(world_settings)
    worlds = allocate(shape._replace(packets=ring or shape.packets), 1)
    fill(worlds, 0, world_settings)
    world = world_at(worlds, 0)
    for until in (250_000_000, 800_000_000):
        advance(world, until, False)
        check(world, [flow["path"] for flow in flows], names, queued)


def check(world: Any, paths: list[tuple[str, ...]], names: list[str], queued: bool) -> None:
    """Assert that counters of flows and links tell the same story; links lose acknowledgements too if ``queued``."""
    for link in world.links:
        assert link.arrived == link.overflowed + link.dropped + link.corrupted + link.carried
    for i, flow in enumerate(world.flows):
        status = world.packets["status"][i]
        mask = int(flow.mask)
        on_the_way = sum(not status[pn & mask] & DROPPED for pn in range(int(flow.ack_pn), int(flow.next_pn)))
        assert flow.sent == flow.next_pn
        assert flow.delivered + on_the_way <= flow.sent
        assert flow.sent - flow.resent == flow.next_seq <= flow.limit_seq
        assert flow.una_seq <= flow.goodput <= min(flow.delivered, flow.next_seq)
        assert 0 <= flow.inflight <= flow.sent
        assert flow.cwnd > 0
        assert flow.holes >= 0
    first = [sum(int(f.sent) for f, path in zip(world.flows, paths, strict=True) if path[0] == name) for name in names]
    assert all(sent <= link.arrived for sent, link in zip(first, world.links, strict=True))
    sent, delivered = int(world.flows["sent"].sum()), int(world.flows["delivered"].sum())
    gone = sum(int(world.links[name].sum()) for name in ("overflowed", "dropped", "corrupted"))
    out = 0
    for i, flow in enumerate(world.flows):
        mask = int(flow.mask)
        status = world.packets["status"][i]
        out += sum(not status[pn & mask] & DROPPED for pn in range(int(flow.ack_pn), int(flow.next_pn)))
    assert sent <= delivered + gone + out if queued else sent == delivered + gone + out
