"""Domain randomisation: worlds within their ranges, the same for the same generator, and impossible ranges refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from astraea.congestion import WorldRanges
from astraea.congestion.controllers.controller import Controller
from astraea.congestion.environment.worlds import WorldMix, draw, shape_for
from astraea.congestion.policy.policy import PolicyHeader
from astraea.congestion.simulator.arrays import shape_of
from astraea.errors import InputError

WIDE = WorldRanges(
    flows=(2, 5), bandwidth_mbps=(20, 400), rtt_ms=(10, 75), rtt_ratio=(1, 10), buffer_bdp=(0.1, 16), loss=(0, 0.02),
    jitter_ms=(0, 5), ack_every=(1, 4), ack_slot_ms=(0, 3), weights=(1, 2), lifetime_s=(5, 20), cross_share=0.5,
    cross_flows=(1, 3), varying_share=0.5, duration_s=40,
)  # fmt: skip


def drawn(ranges: WorldRanges, count: int) -> list[Any]:
    return [draw(ranges, np.random.default_rng(seed)) for seed in range(count)]


def test_worlds_lie_within_their_ranges() -> None:
    shape = shape_for(WIDE)
    for world in drawn(WIDE, 100):
        link = world.links[0]
        learned = [flow for flow in world.flows if flow.controller.name == "policy"]
        cross = [flow for flow in world.flows if flow.controller.name != "policy"]
        assert 2 <= len(learned) <= 5
        assert len(cross) <= 3
        assert 20 <= link.capacity_mbps <= 400
        rtts = [flow.rtt_ms for flow in world.flows]
        assert 10 <= min(rtts) <= 75
        assert max(rtts) <= 10 * min(rtts) * (1 + 1e-9)
        assert 0 <= link.loss <= 0.02
        assert 0.09 <= link.buffer_bytes / (link.capacity_mbps * 125 * min(rtts)) <= 16.01
        assert all(flow.parameter in (1, 2) and flow.jitter_ms <= 5 and flow.ack_every <= 4 for flow in learned)
        assert learned[0].start_s == 0
        assert all(flow.end_s is None or 5 <= flow.end_s - flow.start_s <= 20.01 for flow in learned)
        need = shape_of(world)
        assert need.flows <= shape.flows
        assert need.segments <= shape.segments


def test_all_that_may_happen_happens() -> None:
    worlds = drawn(WIDE, 100)
    assert {sum(flow.controller.name == "policy" for flow in world.flows) for world in worlds} == {2, 3, 4, 5}
    assert 30 < sum(any(flow.controller.name == "cubic" for flow in world.flows) for world in worlds) < 70
    assert 30 < sum(world.links[0].walk is not None for world in worlds) < 70
    capacities = np.log([world.links[0].capacity_mbps for world in worlds])
    assert np.median(capacities) == pytest.approx(np.log(20 * 400) / 2, abs=0.35)  # log-uniform


def test_the_same_generator_gives_the_same_world() -> None:
    assert draw(WIDE, np.random.default_rng(4)) == draw(WIDE, np.random.default_rng(4))
    assert draw(WIDE, np.random.default_rng(4)) != draw(WIDE, np.random.default_rng(5))


def test_bandwidth_may_follow_from_the_share_in_packets() -> None:
    ranges = WorldRanges(flows=4, packets_per_flow=50, rtt_ms=30, bandwidth_mbps=(1, 1000))
    world = draw(ranges, np.random.default_rng(0))
    # 4 flows * 50 packets * 1500 bytes in 30 ms
    assert world.links[0].capacity_mbps == pytest.approx(80)
    held = ranges.model_copy(update={"bandwidth_mbps": (1.0, 10.0)})
    assert draw(held, np.random.default_rng(0)).links[0].capacity_mbps == 10


def test_arrivals() -> None:
    together, staggered = (
        [flow.start_s for flow in draw(WorldRanges(arrivals=kind, gap_s=2), np.random.default_rng(0)).flows]
        for kind in ("together", "staggered")
    )
    assert together == [0, 0, 0]
    assert staggered == [0, 2, 4]


def test_either_of_learned_flows_and_cross_traffic_may_come_first() -> None:
    ranges = WorldRanges(flows=2, arrivals="staggered", gap_s=2, first_s=(0, 10), cross_share=1.0, cross_s=(0, 10))
    starts = [[flow.start_s for flow in world.flows] for world in drawn(ranges, 50)]
    assert all(0 <= first <= 10 and 0 <= cross <= 10 for first, _, cross in starts)
    assert all(second == pytest.approx(first + 2) for first, second, _ in starts)
    assert 15 < sum(first < cross for first, _, cross in starts) < 35


def test_traces_are_used_where_given(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_text("1\n2\n5\n")
    ranges = WorldRanges(varying_share=1, traces=(trace,))
    assert draw(ranges, np.random.default_rng(0)).links[0].trace == trace
    assert shape_for(ranges).segments >= 2


def test_paths_may_change() -> None:
    fields: dict[str, Any] = {"bandwidth_mbps": (10, 100), "rtt_ms": 30, "anew_s": 10, "duration_s": 35}
    ranges = WorldRanges(**fields, stepping_share=0.5, moving_share=0.5, longer=(1.5, 2))
    shape, worlds = shape_for(ranges), drawn(ranges, 40)
    stepping = [world.links[0] for world in worlds if world.links[0].steps]
    moving = [world.links[0] for world in worlds if world.links[0].delay_steps]
    assert 10 < len(stepping) < 30
    assert 10 < len(moving) < 30
    for link in stepping:
        assert [start for start, _ in link.steps] == [0, 10, 20, 30]
        assert link.steps[0][1] == link.capacity_mbps
        assert all(10 <= mbps <= 100 for _, mbps in link.steps)
    for link in moving:
        assert [start for start, _ in link.delay_steps] == [0, 10, 20, 30]
        assert all(15 <= added <= 30 for _, added in link.delay_steps)
    need = [shape_of(world) for world in worlds]
    assert max(one.segments for one in need) == shape.segments == 4
    assert max(one.delays for one in need) == shape.delays == 4
    varying = drawn(WorldRanges(**fields, varying_share=1, stepping_share=1), 5)
    assert not any(world.links[0].steps for world in varying)  # one way at a time


def test_paths_that_stay_are_drawn_as_before_there_were_others() -> None:
    world = draw(WorldRanges(), np.random.default_rng(0))
    moved = draw(WorldRanges(moving_share=1), np.random.default_rng(0))
    assert moved.links[0].delay_steps
    assert moved.flows == world.flows
    assert moved.links[0].model_copy(update={"delay_steps": ()}) == world.links[0]


def test_acknowledgements_may_queue_behind_data_of_the_other_direction() -> None:
    ranges = WorldRanges(
        flows=(2, 4), cross_share=0.5, two_way_share=0.5, back_ratio=(0.1, 0.5), buffer_bdp=2, opposite=0.5
    )
    shape, worlds = shape_for(ranges), drawn(ranges, 60)
    both = [world for world in worlds if len(world.links) == 2]
    assert 20 < len(both) < 40
    turned = 0
    for world in both:
        link, back = world.links
        assert 0.1 <= back.capacity_mbps / link.capacity_mbps <= 0.5
        assert back.delay_ms == link.delay_ms
        assert back.buffer_bytes == max(round(back.capacity_mbps * 250 * 2 * back.delay_ms), 3000)
        for flow in world.flows:
            assert {flow.path, flow.back} == {("bottleneck",), ("back",)}
            turned += flow.path == ("back",)
            assert flow.path == ("bottleneck",) or flow.controller.name == "policy"
    assert 0.3 < turned / sum(flow.controller.name == "policy" for world in both for flow in world.flows) < 0.7
    assert all(need.links <= shape.links and need.hops <= shape.hops for need in map(shape_of, worlds))
    one_way = draw(WorldRanges(), np.random.default_rng(0))
    two = draw(WorldRanges(two_way_share=1), np.random.default_rng(0))
    assert two.links[0] == one_way.links[0]
    assert [f.model_copy(update={"path": (), "back": ()}) for f in two.flows] == list(one_way.flows)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"two_way_share": 2}, "two_way_share"),
        ({"back_ratio": 0}, "back_ratio must lie above 0"),
        ({"longer": 0.5}, "longer is of a base RTT to its smallest, so it cannot be 0.5"),
        ({"stepping_share": 2}, "stepping_share"),
        ({"anew_s": 0}, "anew_s"),
        ({"bandwidth_mbps": (400, 20)}, "write the smaller number first"),
        ({"bandwidth_mbps": 0}, "bandwidth_mbps must lie above 0"),
        ({"rtt_ms": (-5, 10)}, "rtt_ms must lie above 0"),
        ({"flows": 0}, "1 to 256 flows"),
        ({"flows": 300}, "1 to 256 flows"),
        ({"flows": 2.5}, "flows"),
        ({"rtt_ratio": 0.5}, "rtt_ratio"),
        ({"cross_flows": 0}, "cross_flows must be at least 1"),
        ({"loss": (0, 1)}, "loss must lie in"),
        ({"cross_traffic": ("cubik",)}, "did you mean 'cubic'"),
        ({"cross_traffic": ("policy",)}, "waits for actions"),
        ({"duration": 3}, "did you mean 'duration_s'"),
    ],
)
def test_impossible_ranges_are_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        WorldRanges(**fields)


def test_any_controller_that_waits_for_actions_can_be_learned() -> None:
    class Mine(Controller, name="mine-from-outside"):
        external: ClassVar[bool] = True

    assert WorldRanges(controller="mine-from-outside").controller == "mine-from-outside"
    assert PolicyHeader(kind="law", controller="mine-from-outside").controller == "mine-from-outside"
    assert WorldRanges(controller="aurora").controller == "aurora"
    for made in (WorldRanges, lambda controller: PolicyHeader(kind="law", controller=controller)):
        with pytest.raises(InputError, match="controller: the controller 'cubic' waits for no actions"):
            made(controller="cubic")
        with pytest.raises(InputError, match="unknown controller 'polcy'; did you mean 'policy'"):
            made(controller="polcy")


def test_a_mix_draws_each_kind_as_often_as_its_share_says() -> None:
    mix = WorldMix(parts=(WorldRanges(flows=2, bandwidth_mbps=10), WorldRanges(flows=4, rtt_ms=500)), shares=(3, 1))
    counts = [len(draw(mix, np.random.default_rng(seed)).flows) for seed in range(400)]
    assert set(counts) == {2, 4}
    assert counts.count(2) == pytest.approx(300, abs=30)
    shape, parts = shape_for(mix), [shape_for(part) for part in mix.parts]
    assert shape.flows == 4
    assert shape.packets == max(part.packets for part in parts) > min(part.packets for part in parts)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"shares": (1,)}, "shares must be 2 numbers above 0"),
        ({"shares": (1, 0)}, "shares must be 2 numbers above 0"),
        ({"parts": (WorldRanges(), WorldRanges(controller="aurora"))}, "the same controller, policy and packet_bytes"),
    ],
)
def test_an_impossible_mix_is_refused(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        WorldMix(**{"parts": (WorldRanges(), WorldRanges()), "shares": (1, 1), **fields})
