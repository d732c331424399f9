"""The suites: worlds as they are promised, the same for every arm, and measured to the end."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from astraea.congestion import WorldSettings, simulate
from astraea.congestion.controllers.controller import Controller
from astraea.congestion.evaluation.catalogue import SUITES, suites_named
from astraea.congestion.evaluation.records import append, read
from astraea.congestion.evaluation.suite import Case, Outcome, Setup, Suite
from astraea.errors import InputError

EACH = pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)


def cases(name: str, seed: int = 0) -> list[Case]:
    return SUITES[name].cases(Setup("copa", seed))


def slowed(world: WorldSettings) -> WorldSettings:
    """The same world with few packets and flows, for code that is interpreted."""
    changes = {"capacity_mbps": 200 * 0.012 / world.duration_s, "walk": None}  # 200 packets
    links = tuple(link.model_copy(update=changes) for link in world.links)
    return world.model_copy(update={"links": links, "flows": world.flows[:4]})


def test_suites_are_called_by_name() -> None:
    assert suites_named([]) == tuple(SUITES.values())
    assert [suite.name for suite in suites_named(["loss", "grid"])] == ["loss", "grid"]
    with pytest.raises(InputError, match="unknown suite 'grd'; did you mean 'grid'"):
        suites_named(["grd"])
    with pytest.raises(InputError, match="'grid' is named twice"):
        suites_named(["grid", "grid"])


@EACH
def test_worlds_are_the_same_for_every_arm_and_others_for_every_seed(suite: Suite) -> None:
    copa, cubic, other = (suite.cases(Setup(name, seed)) for name, seed in (("copa", 0), ("cubic", 0), ("copa", 1)))
    assert len({case.label for case in copa}) == len(copa)
    for mine, theirs, later in zip(copa, cubic, other, strict=True):
        own = [flow.controller.name for flow in mine.world.flows]
        assert "copa" in own
        renamed = tuple(
            flow.model_copy(update={"controller": Controller.of(name)})
            for flow, name in zip(theirs.world.flows, own, strict=True)
        )
        assert theirs.world.model_copy(update={"flows": renamed}) == mine.world
        assert mine.world.seed != later.world.seed
        assert not suite.group or suite.group in mine.conditions
    assert len({case.world.seed for case in copa}) >= len(copa) / 2  # both rivals of a flow meet it in the same worlds


@EACH
def test_all_paths_are_noisy_and_all_queues_plain(suite: Suite) -> None:
    for case in suite.cases(Setup("copa", 0)):
        slots = [flow.ack_slot_ms for flow in case.world.flows]
        assert all(0.9 <= slot <= 1.1 or slot == 20 for slot in slots)
        assert len(set(slots)) == len(slots)
        kept = suite.name == "noise"  # it is about more noise
        assert kept or {(flow.jitter_ms, flow.ack_every) for flow in case.world.flows} == {(0.2, 2)}
        assert all(link.codel_target_ms is None and link.mark_above_bytes is None for link in case.world.links)


@EACH
def test_fewer_worlds_are_spread_over_all(suite: Suite) -> None:
    whole, some = suite.cases(Setup("copa", 0)), suite.cases(Setup("copa", 0, worlds=2))
    assert some == [whole[0], whole[len(whole) // 2]]
    assert suite.cases(Setup("copa", 0, worlds=1000)) == whole


@EACH
def test_a_world_of_each_is_measured_and_tabulated(suite: Suite, tmp_path: Path) -> None:
    case = suite.cases(Setup("newreno", 0, worlds=1))[0]
    values = suite.measure(simulate(slowed(case.world)))
    append(tmp_path / "lines", Outcome(suite.name, case.label, "newreno", 0, "key", case.conditions, values, 0.1))
    kept = read(tmp_path / "lines")
    figures = {column.key: column.of(kept, kept) for column in suite.columns}
    assert set(suite.shown) <= set(figures)
    assert {name for name, _ in suite.spread} <= set(values)
    assert 0.1 < values["utilisation"] < 1.001
    assert not all(math.isnan(figure) for figure in figures.values())


def test_the_grid_is_as_it_was_promised() -> None:
    worlds = cases("grid")
    assert len(worlds) == 150
    for number, case in enumerate(worlds):
        (link,), flows = case.world.links, case.world.flows
        assert [flow.start_s for flow in flows] == [0.0, 5.0, 10.0]
        assert case.world.duration_s == 60.0
        assert 20 <= link.capacity_mbps <= 400
        rtt = flows[0].rtt_ms
        assert rtt is not None
        assert 10 <= rtt <= 75
        assert (0 < link.loss <= 0.003) if number < 100 else link.loss == 0
        assert link.buffer_bytes == round(link.capacity_mbps * rtt * 125)  # a bandwidth-delay product
        assert case.conditions["delay_limit_ms"] == pytest.approx(max(0.15 * rtt, 9 * 12 / link.capacity_mbps))
        assert case.conditions["kind"] == ("random loss" if number < 100 else "loss-free")
    middle = sorted(case.world.links[0].capacity_mbps for case in worlds)[75]
    assert 60 < middle < 130  # log-uniform: around 89


def test_in_the_extended_grid_a_fair_share_is_four_packets_or_more() -> None:
    counts = []
    for case in cases("extended"):
        (link,), flows = case.world.links, case.world.flows
        rtt = flows[0].rtt_ms
        assert rtt is not None
        assert link.capacity_mbps * rtt / 12 / len(flows) >= 4
        assert (flows[0].start_s, flows[-1].start_s) == (0.0, 10.0)
        counts.append(len(flows))
    assert min(counts) <= 3
    assert max(counts) >= 30


def test_staggered_flows_stay_for_100_s() -> None:
    four, two = cases("staggered")[0].world, cases("staggered")[-1].world
    assert [(flow.start_s, flow.end_s) for flow in four.flows] == [(0, 100), (25, 125), (50, 150), (75, None)]
    assert four.duration_s == 175.0
    assert [(flow.start_s, flow.end_s) for flow in two.flows] == [(0, None), (50, None)]


def test_paths_and_losses_that_are_swept() -> None:
    assert [[flow.rtt_ms for flow in case.world.flows] for case in cases("rtt")] == [
        [20, 20], [20, 40], [20, 80], [20, 120], [20, 160], [20, 200]
    ]  # fmt: skip
    buffers = [case.world.links[0].buffer_bytes for case in cases("buffers")]
    assert (buffers[0], buffers[3], buffers[-1]) == (37_500, 375_000, 6_000_000)
    assert [case.world.links[0].loss for case in cases("loss")][-3:] == [0.01, 0.015, 0.02]
    assert {(w.links[0].capacity_mbps, w.links[0].loss) for w in (c.world for c in cases("satellite"))} == {
        (42, 0.0074)
    }
    lots = [[link.capacity_mbps for link in case.world.links] for case in cases("bottlenecks")]
    assert (lots[0], lots[-1]) == ([100, 100, 100], [100, 40, 70])


def test_each_rival_comes_first_in_half_of_the_worlds() -> None:
    for rival, worlds in (("cubic", cases("friendliness")[:20]), ("bbr", cases("friendliness")[20:])):
        assert {flow.controller.name for case in worlds for flow in case.world.flows} == {"copa", rival}
        assert [case.world.flows[0].start_s for case in worlds] == [0.0] * 10 + [5.0] * 10
        assert all(case.world.links[0].loss == 0 for case in worlds)


def test_paths_change_once_or_every_15_s() -> None:
    worlds = {case.label: case.world for case in cases("changing")}
    assert len(worlds) == 16
    assert [len(world.flows) for world in worlds.values()] == [1, 1, 3, 3] * 4
    assert {world.duration_s for world in worlds.values()} == {75.0}
    assert worlds["30 to 60 ms at 30 s, 1 flow, 0"].links[0].delay_steps == ((0, 0), (30, 30))
    for kind, rtt, most in (("base of 30 to 60 ms", 30, 30), ("base of 40 to 120 ms", 40, 80)):
        world = worlds[f"{kind}, 3 flows, 1"]
        starts, added = zip(*world.links[0].delay_steps, strict=True)
        assert starts == (0, 15, 30, 45, 60)
        assert all(0 <= ms <= most for ms in added)
        assert {flow.rtt_ms for flow in world.flows} == {rtt}
    starts, mbps = zip(*worlds["capacity of 10 to 100 Mbit/s, 1 flow, 0"].links[0].steps, strict=True)
    assert starts == (0, 15, 30, 45, 60)
    assert all(10 <= rate <= 100 for rate in mbps)


def test_a_flow_is_back_when_each_second_of_five_sees_enough() -> None:
    world = cases("changing")[0].world.model_copy(update={"duration_s": 45.0})
    result = simulate(world.model_copy(update={"flows": world.flows[:1], "links": slowed(world).links}))
    mbps = result.settings.links[0].capacity_mbps
    measure = SUITES["changing"].measure

    def back(*stretches: tuple[float, float, float]) -> list[Any]:
        goodput = np.full(result.goodput_mbps.shape, mbps)
        for begin, end, share in stretches:
            goodput[0, round(begin * 10) : round(end * 10)] = share * mbps
        return list(measure(replace(result, goodput_mbps=goodput))["back"])

    assert back() == [0.0, False]
    assert back((20, 30, 0)) == [0.0, False]  # before the change
    assert back((30, 32, 0.5)) == [1.6, False]  # from 31.6 s on a second holds at most 0.4 s at a half
    assert back((33, 33.5, 0)) == [3.3, False]  # from 33.3 s on a second holds 0.2 s of nothing
    assert back((30, 41, 0.7)) == [15.0, True]


def test_flows_go_both_ways() -> None:
    worlds = {case.label: case.world for case in cases("reverse")}
    assert len(worlds) == 12
    world = worlds["50 and 1 Mbit/s, 4 BDP, 1"]
    assert [flow.path + flow.back for flow in world.flows] == [("there", "back")] * 2 + [("back", "there")] * 2
    assert [link.buffer_bytes for link in world.links] == [4 * 187_500, 4 * 3750]
    assert all(0 <= flow.start_s <= 5 for flow in world.flows)


def test_each_direction_is_measured_by_itself() -> None:
    world = slowed(cases("reverse")[0].world.model_copy(update={"duration_s": 30.0}))
    result = simulate(world)
    mbps = world.links[0].capacity_mbps
    goodput = np.zeros(result.goodput_mbps.shape)
    goodput[:2], goodput[2], goodput[3] = mbps / 2, mbps / 4, mbps / 2
    backlog = np.zeros(result.backlog_bytes.shape)
    backlog[1] = 3000
    values = SUITES["reverse"].measure(
        replace(result, goodput_mbps=goodput, backlog_bytes=backlog, link_utilisation=np.array([1.0, 0.8]))
    )
    assert values["jain"] == pytest.approx(1.0)
    assert values["jain_back"] == pytest.approx(0.75**2 / (2 * (0.25**2 + 0.5**2)))
    assert (values["utilisation"], values["utilisation_back"]) == (1.0, 0.8)
    assert values["data_back"] == pytest.approx(0.75)
    assert (values["queue_ms"], values["queue_back_ms"]) == (0.0, pytest.approx(24.0 / mbps))


def test_groups_meet_groups() -> None:
    worlds = {case.label: case.world for case in cases("groups")}
    assert len(worlds) == 27
    kinds = [flow.controller.name for flow in worlds["10 beside 10 bbr, 4 BDP"].flows]
    assert kinds == ["copa"] * 10 + ["bbr"] * 10
    world = worlds["1 beside 10 cubic, 16 BDP"]
    assert world.links[0].buffer_bytes == 16 * 375_000
    assert [flow.controller.name for flow in world.flows] == ["copa"] + ["cubic"] * 10
    assert all(0 <= flow.start_s <= 10 for flow in world.flows)


def test_transfers_come_one_at_a_time() -> None:
    long, *short = cases("transfer")[0].world.flows
    assert long.size_bytes is None
    assert {flow.size_bytes for flow in short} == {1_000_000}
    assert all(2 <= later.start_s - flow.start_s <= 6 for flow, later in pairwise(short))


def test_transfers() -> None:
    assert [len(case.world.flows) for case in cases("incast")][::3] == [8, 32, 8, 32]
    assert {flow.start_s for case in cases("incast") for flow in case.world.flows} == {0.0}
    flows = cases("short")[0].world.flows
    sizes = [flow.size_bytes for flow in flows if flow.size_bytes is not None]
    assert len(flows) - len(sizes) == 2
    assert 15_000 <= min(sizes) < 30_000 < 750_000 < max(sizes) <= 1_500_000
    starts = [flow.start_s for flow in flows[2:]]
    assert all(10 <= first <= second <= 50 for first, second in pairwise(starts))


def test_traces_join_the_random_walks(tmp_path: Path) -> None:
    traces = tuple(tmp_path / name for name in ("LTE.up", "EVDO.down", "my.trace"))
    for trace in traces:
        trace.write_text("5\n10\n")  # 2.4 Mbit/s
    found = SUITES["traces"].cases(Setup("copa", 0, traces=traces))
    assert [case.conditions["kind"] for case in found[3:]] == ["LTE", "3G", "other traces"]
    assert [case.world.links[0].trace for case in found[3:]] == list(traces)
    assert found[3].world.links[0].buffer_bytes == 60_000  # 200 ms of it
    assert len(SUITES["traces"].cases(Setup("copa", 0))) == 3
