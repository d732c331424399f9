"""Norm clipping in chains, worked out by hand; the same bytes on every engine and after a resumption."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.federation.defences import hostile
from tests.federation.defences.hostile import assert_same, attacked

from astraea.errors import InputError
from astraea.experiment.run import run
from astraea.experiment.settings import parse_settings
from astraea.federation.defences import Clip, Guard
from astraea.federation.plan import Chain, ChainState, LocalTraining, RoundPlan, Visit, VisitReport
from astraea.federation.walk import Trained, Walk

NONE = torch.empty(0, dtype=torch.int64)
HOSTILE = {
    **hostile.HOSTILE,
    "rounds": 2,
    "attacks": attacked(name="scaled", factor=1e30),
    "server": {"defence": "clip"},
}


def walk_of(guard: Guard | None, visits: int = 3, **extras: torch.Tensor) -> Walk:
    start = ChainState(torch.tensor([3.0, 4.0]), NONE, extras)
    chain = Chain(0, tuple(Visit(client) for client in range(visits)))
    return Walk(RoundPlan(0, 0, start, (chain,), LocalTraining(1, 1, "SGD", 0.5), guard=guard), chain)


def moved(walk: Walk, *change: float, **extras: torch.Tensor) -> Trained:
    return Trained(walk.state.params + torch.tensor(change), NONE, extras, {}, 1, 1, 1, 0.0)


def test_a_change_is_shortened_to_a_multiple_of_the_median_at_the_learning_rate() -> None:
    memory = {"pace": torch.tensor([1.0, 2.0, 4.0, 8.0, 1e30], dtype=torch.float64)}  # by learning rate: median 4
    walk = walk_of(Guard(Clip(multiple=2.0, discard=math.inf), memory))  # at 0.5: up to 2 * 4 * 0.5 = 4
    assert walk.take(Visit(0), moved(walk, 0.0, 4.0))
    assert walk.state.params.tolist() == [3.0, 8.0]
    assert walk.take(Visit(1), moved(walk, 16.0, 0.0))
    assert walk.state.params.tolist() == [7.0, 8.0]
    assert [(report.pace, report.clipped) for report in walk.reports] == [(8.0, 1.0), (32.0, 0.25)]  # by 0.5


def test_a_visit_of_more_steps_may_move_further_but_only_as_many_as_its_samples_allow() -> None:
    memory = {"pace": torch.full((5,), 2.0, dtype=torch.float64)}
    walk = walk_of(Guard(Clip(multiple=1.0), memory))
    walk.take(Visit(0), moved(walk, 2.0, 0.0)._replace(samples=9, steps=4))  # 2 * 0.5 * sqrt(4): not clipped
    walk.take(Visit(1), moved(walk, 4.0, 0.0)._replace(samples=3, steps=100))  # at most 3 + 1 steps of one sample each
    walk.take(Visit(2), moved(walk, 2.0, 0.0)._replace(samples=3, steps=0))  # who counts none may have taken 4
    assert [(report.pace, report.clipped) for report in walk.reports] == [(2.0, 1.0), (4.0, 0.5), (2.0, 1.0)]


def test_what_is_far_longer_is_discarded_until_most_of_a_chain_was() -> None:
    memory = {"pace": torch.full((5,), 2.0, dtype=torch.float64)}  # at 0.5: up to 4 * 2 * 0.5 = 4
    walk = walk_of(Guard(Clip(multiple=1.0), memory))
    assert not walk.take(Visit(0), moved(walk, 0.0, 8.0))
    assert walk.state.params.tolist() == [3.0, 4.0]
    assert walk.reports[0].skipped == "its change is 8 times as long as those of most visits: 4 is allowed"
    assert walk.take(Visit(1), moved(walk, 0.0, 8.0))
    assert walk.reports[1].clipped == 0.125
    assert walk.take(Visit(2), moved(walk, 0.0, 1.0))


def test_what_travels_beside_the_model_is_shortened_too() -> None:
    memory = {"pace": torch.full((5,), 2.0, dtype=torch.float64)}
    walk = walk_of(Guard(Clip(multiple=1.0), memory), control=torch.ones(1))
    walk.take(Visit(0), moved(walk, 0.0, 4.0, control=torch.tensor([9.0])))
    assert walk.state.extras["control"].item() == 3.0


def test_before_five_visits_are_known_half_the_models_norm_is_the_bound_and_then_the_chains_median() -> None:
    walk = walk_of(Guard(Clip(multiple=1.0), {}), visits=6)
    assert walk.take(Visit(0), moved(walk, 30.0, 40.0))
    assert walk.state.params.tolist() == [4.5, 6.0]  # the model's norm was 5
    for client, length in zip(range(1, 5), (1.0, 2.0, 3.0, 3.0), strict=True):
        walk.take(Visit(client), moved(walk, length, 0.0))
    walk.take(Visit(5), moved(walk, 12.0, 0.0))  # the median of 50, 1, 2, 3 and 3 is 3
    assert walk.reports[-1].clipped == 0.25


def test_a_model_of_zeros_may_move_by_one() -> None:
    walk = walk_of(Guard(Clip(), {}))
    walk.state = ChainState(torch.zeros(2), NONE)
    walk.take(Visit(0), moved(walk, 0.0, 4.0))
    assert walk.state.params.tolist() == [0.0, 1.0]


def test_what_is_remembered_are_the_unclipped_paces_of_skipped_visits_too() -> None:
    defence = Clip()
    reports = [VisitReport(0, 0, pace=1.0, clipped=0.5), VisitReport(1, 0, skipped="x", pace=3.0), VisitReport(2, 0)]
    memory = defence.remember({}, reports)
    assert memory["pace"].tolist() == [1.0, 3.0]
    many = defence.remember(memory, [VisitReport(0, 0, pace=float(n)) for n in range(99)])
    assert many["pace"].tolist() == [3.0, *map(float, range(99))]  # the last hundred


def test_a_newcomer_is_shortened_however_far_it_goes_and_discarded_once_its_grace_is_over() -> None:
    """Two rounds of grace: client 0 has had both, client 1 one of them, client 2 none, and two passes are one round."""
    defence = Clip(multiple=1.0, grace=2)
    memory: dict[str, torch.Tensor] = {}
    for clients in ((0, 1), (0, 0)):
        memory = defence.remember(memory, [VisitReport(client, 0, pace=2.0) for client in clients])
    assert memory["rounds"].tolist() == [2, 1]
    memory["pace"] = torch.full((5,), 2.0, dtype=torch.float64)  # at 0.5: up to 4 * 2 * 0.5 = 4
    found = {}
    for client in range(3):
        walk = walk_of(Guard(defence, memory))
        walk.take(Visit(client), moved(walk, 0.0, 8.0))
        found[client] = (walk.reports[0].clipped, walk.reports[0].skipped is not None)
    assert found == {0: (1.0, True), 1: (0.125, False), 2: (0.125, False)}
    assert defence.remember(memory, [VisitReport(0, 0, pace=1.0)])["rounds"].tolist() == [2, 1]
    assert set(Clip().remember({}, [VisitReport(0, 0, pace=1.0)])) == {"pace"}


def test_a_client_that_counts_for_less_than_it_holds_is_shortened_at_most_where_that_is_asked_for() -> None:
    memory = {"pace": torch.full((5,), 2.0, dtype=torch.float64)}  # at 0.5: up to 4 * 2 * 0.5 = 4
    found = {}
    for spare in (False, True):
        for held in (1, 3):
            walk = walk_of(Guard(Clip(multiple=1.0, spare_large=spare), memory))
            walk.plan = replace(walk.plan, counts={0: 1})
            walk.take(Visit(0), moved(walk, 0.0, 8.0)._replace(examples=held))
            found[spare, held] = (walk.reports[0].clipped, walk.reports[0].skipped is not None)
    assert found == dict.fromkeys(found, (1.0, True)) | {(True, 3): (0.125, False)}


def test_engines_and_a_resumption_give_the_same_bytes_and_the_summary_names_who_was_clipped(tmp_path: Path) -> None:
    serial = run(parse_settings(HOSTILE), out=tmp_path / "whole")
    short = parse_settings({**HOSTILE, "train": {"schedule": "constant"}, "rounds": 1})
    run(short, out=tmp_path / "resumed")
    resumed = run(out=tmp_path / "resumed", resume=True, rounds=2)
    whole = run(parse_settings({**HOSTILE, "train": {"schedule": "constant"}}))
    workers = run(parse_settings({**HOSTILE, "engine": {"name": "processes", "workers": 2}}))
    assert_same(serial, workers)
    assert_same(whole, resumed)
    told = serial.summary["defence"]
    assert told["name"] == "clip"
    assert len(told["hostile"]) == 2
    assert all(told["clipped"].get(name, 0) + told["skipped"].get(name, 0) == 2 for name in told["hostile"])
    assert serial.summary["visits_clipped"] == sum(told["clipped"].values())
    assert all(bool(torch.isfinite(value).all()) for value in serial.model.state_dict().values())


def test_stacked_clips_as_serial_does() -> None:
    serial, stacked = (run(parse_settings({**HOSTILE, "engine": {"name": name}})) for name in ("serial", "stacked"))
    assert serial.summary["defence"] == stacked.summary["defence"]
    assert serial.summary["accuracy_final"] == pytest.approx(stacked.summary["accuracy_final"], abs=0.02)


def test_a_probe_needs_samples_of_the_servers() -> None:
    with pytest.raises(InputError, match=r"set evaluation\.validation"):
        run(parse_settings({**HOSTILE, "server": {"defence": "probe"}}))


def test_a_probe_discards_what_makes_the_model_far_worse_and_names_it() -> None:
    changes = {
        "server": {"defence": {"name": "probe", "multiple": 1e9, "discard": math.inf}},
        "evaluation": {"validation": 0.2},
    }
    attack = {"attacks": attacked(name="garbage", scale=10.0)}
    result = run(parse_settings({**HOSTILE, **changes, **attack, "rounds": 3}))
    skipped = result.summary["defence"]["skipped"]
    assert set(skipped) == set(result.summary["defence"]["hostile"])
    assert "the loss on the server's samples rose by" in result.history[-1]["skipped"][0]["reason"]
