"""Which way changes go, worked out by hand in two dimensions, where a sketch keeps every angle."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.federation.defences import hostile
from tests.federation.defences.hostile import assert_same, attacked

from astraea.experiment.run import run
from astraea.experiment.settings import parse_settings
from astraea.federation.defences import Direction
from astraea.federation.plan import Chain, ChainState, LocalTraining, RoundPlan, Visit, VisitReport
from astraea.federation.sketch import sketched
from astraea.federation.walk import Trained, Walk

NONE = torch.empty(0, dtype=torch.int64)
EAST, WEST = (1.0, 0.0), (-1.0, 0.0)


def report(client: int, change: tuple[float, float], pace: float = 1.0) -> VisitReport:
    return VisitReport(client, 0, pace=pace, direction=sketched(torch.tensor(change), torch.zeros(2), 0)[1])


def walk_of(defence: Direction, others: list[tuple[float, float]], own: tuple[float, float] | None = None) -> Walk:
    """A walk of client 0 in the second round: in the first ``others`` went these ways, each at a pace of 1."""
    reports = [report(client, change) for client, change in enumerate(others, 1)]
    memory = defence.remember({}, reports + ([] if own is None else [report(0, own)]))
    start = ChainState(torch.zeros(2), NONE)
    chain = Chain(0, (Visit(0), Visit(9)))
    training = LocalTraining(1, 1, "SGD", 1.0)
    return Walk(RoundPlan(1, 0, start, (chain,), training, guard=defence.guard(memory), typical=1), chain)


def taken(walk: Walk, *change: float, bounded: bool = False) -> VisitReport:
    # One step of one sample, so that a pace is a length.
    after = walk.state.params + torch.tensor(change)
    walk.take(Visit(0), Trained(after, NONE, {}, {}, 1, 1, 1, 0.0, bounded=bounded))
    return walk.reports[-1]


def test_a_change_that_goes_far_back_on_others_is_discarded_and_one_across_them_is_not() -> None:
    defence = Direction(multiple=3.0, back=2.0)
    told = taken(walk_of(defence, [EAST] * 5), -2.5, 0.0)
    assert told.agrees == pytest.approx(-1.0)
    assert told.skipped == (
        "its change goes back on those of others (cosine -1.00) by 2.5 times the usual length: 2 is allowed"
    )
    assert taken(walk_of(defence, [EAST] * 5), -1.9, 0.0).skipped is None
    across = taken(walk_of(defence, [EAST] * 5), -0.6, 3.9)  # short of four lengths, and little of it goes back
    assert (across.skipped, across.clipped) == (None, pytest.approx(3 / math.hypot(0.6, 3.9)))


def test_each_client_has_one_vote_however_far_it_went_and_its_own_is_left_out() -> None:
    defence = Direction()
    walk = walk_of(defence, [EAST, EAST, (0.0, 1000.0)], own=(-1000.0, 0.0))
    told = taken(walk, 1.0, 0.0)
    assert told.agrees == pytest.approx(2 / math.sqrt(5))  # with (2, 1)
    assert told.stood == pytest.approx(-2 / math.sqrt(5))


def test_newness_spares_what_goes_the_way_of_others_alone() -> None:
    defence = Direction(multiple=1.0, discard=4.0, back=100.0, grace=3)
    assert taken(walk_of(defence, [EAST] * 5), 8.0, 0.0).clipped == 0.125
    assert taken(walk_of(defence, [EAST] * 5), -8.0, 0.0).skipped == (
        "its change is 8 times as long as those of most visits: 4 is allowed"
    )
    assert taken(walk_of(Direction(multiple=1.0, discard=4.0), [EAST] * 5), 8.0, 0.0).skipped is not None


def test_a_large_client_is_spared_along_the_way_of_others_up_to_the_farthest() -> None:
    defence = Direction(multiple=1.0, spare_large=True, farthest=60.0)
    found = {
        change: taken(walk_of(defence, [EAST] * 5), *change, bounded=True)
        for change in ((50.0, 0.0), (61.0, 0.0), (0.0, 50.0))
    }
    assert found[50.0, 0.0].clipped == 0.02
    assert found[61.0, 0.0].skipped is not None
    assert found[0.0, 50.0].skipped is not None


def test_a_large_client_may_go_longer_once_others_went_its_way() -> None:
    defence = Direction(multiple=1.0, spare_large=True, longer=10.0)
    assert taken(walk_of(defence, [EAST] * 5), 20.0, 0.0, bounded=True).clipped == 0.05
    assert taken(walk_of(defence, [EAST] * 5, own=EAST), 20.0, 0.0, bounded=True).clipped == 0.5
    assert taken(walk_of(defence, [EAST] * 5, own=WEST), 20.0, 0.0, bounded=True).clipped == 0.05
    assert taken(walk_of(defence, [EAST] * 5, own=EAST), 3.0, 0.0).clipped == pytest.approx(1 / 3)


def test_what_a_client_claims_buys_it_no_pace_and_half_as_much_way_back() -> None:
    for bounded, pace in ((False, 1.0), (True, 2.0)):
        walk = walk_of(Direction(), [EAST] * 5)
        after = walk.state.params + torch.tensor([2.0, 0.0])
        walk.take(Visit(0), Trained(after, NONE, {}, {}, 3, 3, 4, 0.0, bounded=bounded))  # four steps of three samples
        assert walk.reports[-1].pace == pytest.approx(pace if not bounded else 2.0 / math.sqrt(2))
    told = taken(walk_of(Direction(back=2.0), [EAST] * 5), -1.5, 0.0, bounded=True)
    assert told.skipped is not None
    assert "1 is allowed" in told.skipped


def test_in_the_first_round_the_others_are_those_of_the_chain() -> None:
    defence = Direction(first=0.25)
    walk = walk_of(defence, [])
    walk.plan = replace(walk.plan, guard=defence.guard({}))
    walk.state = walk.held = ChainState(torch.tensor([6.0, 8.0]), NONE)
    assert taken(walk, 5.0, 0.0).clipped == 0.5  # a quarter of the model's norm of 10
    for client in (1, 2, 3):
        assert walk.reports[-1].agrees is None
        after = walk.state.params + torch.tensor([1.0, 0.0])
        walk.take(Visit(client), Trained(after, NONE, {}, {}, 1, 1, 1, 0.0))
    walk.take(Visit(4), Trained(walk.state.params + torch.tensor([-1.0, 0.0]), NONE, {}, {}, 1, 1, 1, 0.0))
    assert walk.reports[-1].agrees == pytest.approx(-1.0)


def test_what_is_remembered_is_the_last_direction_of_the_latest_hundred_clients() -> None:
    defence = Direction()
    memory = defence.remember({}, [report(client, EAST) for client in range(99)])
    memory = defence.remember(
        memory, [report(0, WEST), VisitReport(1, 0, pace=1.0), report(200, EAST), report(201, EAST)]
    )
    assert memory["whose"].tolist() == [*range(2, 99), 0, 200, 201]
    assert memory["direction"].shape == (100, 512)
    assert torch.equal(memory["direction"][97], -memory["direction"][98])
    assert set(defence.remember({}, [VisitReport(0, 0)])) == {"pace"}


HOSTILE = {
    **hostile.HOSTILE,
    "rounds": 3,
    "attacks": attacked(name="sign-flip", factor=10.0),
    "train": {"schedule": "constant"},
    "server": {"defence": "direction"},
}


def test_engines_and_a_resumption_give_the_same_bytes_and_the_summary_names_the_hostile(tmp_path: Path) -> None:
    serial = run(parse_settings(HOSTILE), out=tmp_path / "whole")
    run(parse_settings({**HOSTILE, "rounds": 2}), out=tmp_path / "resumed")
    resumed = run(out=tmp_path / "resumed", resume=True, rounds=3)
    workers = run(parse_settings({**HOSTILE, "engine": {"name": "processes", "workers": 2}}))
    assert_same(serial, resumed)
    assert_same(serial, workers)
    told = serial.summary["defence"]
    assert told["name"] == "direction"
    assert set(told["hostile"]) <= set(told["skipped"]) | set(told["clipped"])
