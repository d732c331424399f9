"""Suites are run to the end, whatever interrupts them, and become tables."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from astraea.congestion import simulate
from astraea.congestion.evaluation import catalogue, runner
from astraea.congestion.evaluation.arms import parse_arms
from astraea.congestion.evaluation.columns import mean, relative
from astraea.congestion.evaluation.measure import settled_for
from astraea.congestion.evaluation.records import FILE, read
from astraea.congestion.evaluation.runner import Evaluation, Job, evaluate
from astraea.congestion.evaluation.suite import Case, Column, Outcome, Setup, Suite, rng_of, shared_queue
from astraea.congestion.evaluation.tables import ALL, Cell, tabulate
from astraea.congestion.policy import Policy
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.policy import PolicyHeader
from astraea.errors import InputError, RunError
from astraea.files import lock


def plan(setup: Setup) -> list[Case]:
    flows: list[dict[str, Any]] = [{"controller": setup.controller}, {"controller": setup.controller, "start_s": 0.5}]
    return [
        Case(f"{mbps}", shared_queue(flows, rng_of("tiny", setup.seed, 0), capacity_mbps=mbps, duration_s=2.0),
             {"mbps": mbps})
        for mbps in (0.5, 1.0)
    ]  # fmt: skip


TINY = Suite(
    name="tiny",
    summary="two flows on a slow link",
    plan=plan,
    measure=settled_for(0.0),
    columns=(
        Column("utilisation", "utilisation (%)", mean("utilisation"), 1, percent=True),
        Column("jain", "Jain's index", mean("jain")),
        Column("delay", "over CUBIC's", relative("queue_ms"), 2),
    ),
    group="mbps",
    group_title="Mbit/s",
    total=True,
    shown=("utilisation", "jain"),
)


@pytest.fixture(autouse=True, scope="module")
def tiny() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(catalogue.SUITES, "tiny", TINY)
        yield


@pytest.fixture(scope="module")
def whole(tiny: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Path]:
    """Two arms and two seeds, and the folder they are in."""
    folder = tmp_path_factory.mktemp("whole")
    return run(folder), folder


def run(out: Path, arms: str = "cubic,newreno", **options: Any) -> Evaluation:
    return evaluate([TINY], parse_arms(arms.split(",")), out, **{"seeds": 2, **options})


def test_all_arms_seeds_and_worlds_are_there_in_order(whole: tuple[Evaluation, Path]) -> None:
    found, folder = whole
    assert [(o.arm, o.seed, o.case) for o in found.outcomes] == [
        (arm, seed, case) for arm in ("cubic", "newreno") for seed in (0, 1) for case in ("0.5", "1.0")
    ]
    assert len(read(folder / FILE)) == 8
    assert [(series.arm, series.case) for series in found.over_time] == [("cubic", "1.0"), ("newreno", "1.0")]
    assert found.of("tiny") == list(found.outcomes)
    assert found.notes == ()


def test_what_was_interrupted_goes_on_and_loses_nothing(
    whole: tuple[Evaluation, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []

    def stop(job: Job, finished: int, total: int) -> None:
        seen.append((finished, total))
        if finished == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "part", watch=stop)
    file = tmp_path / "part" / FILE
    assert len(read(file)) == 3
    with file.open("a") as lines:
        lines.write('{"suite": "ti')  # killed while writing
    played = []

    def counted(*arguments: Any, **options: Any) -> Any:
        played.append(1)
        return simulate(*arguments, **options)

    monkeypatch.setattr(runner, "simulate", counted)
    found = run(tmp_path / "part", watch=lambda job, finished, total: seen.append((finished, total)))
    assert len(played) == 5
    assert seen == [(k, 8) for k in range(1, 9)]
    assert [timeless(o) for o in found.outcomes] == [timeless(o) for o in whole[0].outcomes]


def timeless(outcome: Outcome) -> Outcome:
    return dataclasses.replace(outcome, seconds=0.0)


def test_two_evaluations_cannot_run_in_one_folder(tmp_path: Path) -> None:
    with lock(tmp_path), pytest.raises(RunError, match="another process is running in"):
        run(tmp_path)


def test_another_arm_is_only_added(tmp_path: Path) -> None:
    run(tmp_path, "cubic", seeds=1)
    told: list[str] = []
    found = run(tmp_path, "cubic,vegas", seeds=1, watch=lambda job, *_: told.append(job.arm))
    assert told == ["vegas", "vegas"]
    assert [o.arm for o in found.outcomes] == ["cubic", "cubic", "vegas", "vegas"]


def test_several_processes_find_the_same(tmp_path: Path) -> None:
    """Of the catalogue's suites, since other processes know no more than that."""
    suite, arms = catalogue.SUITES["bottlenecks"], parse_arms(["newreno"])
    slow = dataclasses.replace(suite, plan=lambda setup: [short(case) for case in suite.plan(setup)])
    one = evaluate([slow], arms, tmp_path / "one", seeds=2, worlds=1)
    two = evaluate([slow], arms, tmp_path / "two", seeds=2, worlds=1, jobs=2)
    assert [timeless(o) for o in one.outcomes] == [timeless(o) for o in two.outcomes]


def short(case: Case) -> Case:
    links = tuple(link.model_copy(update={"capacity_mbps": 0.5}) for link in case.world.links)
    return dataclasses.replace(case, world=case.world.model_copy(update={"links": links, "duration_s": 6.0}))


def test_tables_have_a_figure_for_all_seeds_and_for_each(whole: tuple[Evaluation, Path]) -> None:
    table = tabulate(whole[0], TINY)
    assert table.groups == [ALL, 0.5, 1.0]
    assert [(row.group, row.arm, row.worlds) for row in table.rows] == [
        (ALL, "cubic", 4), (ALL, "newreno", 4), (0.5, "cubic", 2), (0.5, "newreno", 2), (1.0, "cubic", 2),
        (1.0, "newreno", 2),
    ]  # fmt: skip
    cell = table.cell(0.5, "cubic", "utilisation")
    assert cell.value == pytest.approx(sum(cell.by_seed) / 2)
    assert table.cell(ALL, "cubic", "delay").value == 1.0
    assert table.cell(1.0, "newreno", "delay").value > 0
    assert table.seconds["cubic"] > 0
    with pytest.raises(KeyError):
        table.cell(ALL, "bbr", "jain")


def test_without_the_reference_nothing_is_relative_to_it(tmp_path: Path) -> None:
    table = tabulate(run(tmp_path, "vegas", seeds=1), TINY)
    assert math.isnan(table.cell(ALL, "vegas", "delay").value)
    assert table.cell(ALL, "vegas", "delay").text(TINY.columns[2]) == "–"


def test_figures_as_text() -> None:
    percent, plain = TINY.columns[0], TINY.columns[1]
    assert Cell(0.5, (0.4, 0.6)).text(percent) == "50.0 ± 14.1"
    assert Cell(0.5, (0.4, 0.6)).text(percent, spread=False) == "50.0"
    assert Cell(0.5, (0.5,)).text(plain) == "0.500"
    assert Cell(0.5, (0.4, math.nan)).text(plain) == "0.500"
    assert Cell(math.inf, (math.inf, 3.0)).text(plain) == "never"


def test_without_traces_a_note_says_so(tmp_path: Path) -> None:
    traced = dataclasses.replace(TINY, needs_traces=True)
    found = evaluate([traced], parse_arms(["cubic"]), tmp_path, seeds=1, worlds=1)
    assert found.notes == (
        "cellular traces are left out, since no folder of data was named: set ASTRAEA_DATA or --data-dir",
    )
    assert "holds no network-traces" in evaluate(
        [traced], parse_arms(["cubic"]), tmp_path, seeds=1, worlds=1, data=tmp_path
    ).notes[0]  # fmt: skip


def test_other_seeds_are_other_worlds_of_the_same_kinds(whole: tuple[Evaluation, Path], tmp_path: Path) -> None:
    found = run(tmp_path, "newreno", seeds=2, first_seed=1)
    assert found.seeds == (1, 2)
    known = [outcome for outcome in whole[0].outcomes if outcome.arm == "newreno" and outcome.seed == 1]
    fresh = [outcome for outcome in found.outcomes if outcome.seed == 1]
    assert [outcome.values for outcome in fresh] == [outcome.values for outcome in known]
    assert [outcome.values for outcome in found.outcomes if outcome.seed == 2] != [outcome.values for outcome in known]
    with pytest.raises(InputError, match="first_seed must be at least 0, got -1"):
        run(tmp_path, "newreno", first_seed=-1)


@pytest.mark.parametrize("count", ["seeds", "jobs", "worlds"])
def test_counts_begin_at_one(tmp_path: Path, count: str) -> None:
    none: dict[str, Any] = {count: 0}
    with pytest.raises(InputError, match=f"{count} must be at least 1, got 0"):
        run(tmp_path, **none)


@pytest.mark.compiled
def test_a_real_world_of_each_suite(tmp_path: Path) -> None:
    suites = [suite for name, suite in catalogue.SUITES.items() if name != "tiny"]
    found = evaluate(suites, parse_arms(["cubic", "copa"]), tmp_path, seeds=1, worlds=1)
    assert len(found.outcomes) == 2 * len(suites)
    assert all(outcome.value("utilisation") > 0 for outcome in found.outcomes)


def test_a_policy_of_ones_own_is_known_by_its_content(tmp_path: Path) -> None:
    file, out = tmp_path / "mine.safetensors", tmp_path / "out"
    told: list[str] = []

    def again() -> list[Outcome]:
        found = run(out, f"mine={file},newreno", seeds=1, worlds=1, watch=lambda job, *_: told.append(job.arm))
        return list(found.outcomes)

    Policy(PolicyHeader(kind="law"), np.zeros(len(LAW), np.int32)).save(file)
    first = again()
    assert again() == first
    assert told == ["mine", "newreno"]
    assert first[0].value("utilisation") > 0.3
    Policy(PolicyHeader(kind="law"), np.full(len(LAW), 5, np.int32)).save(file)
    second = again()
    assert told == ["mine", "newreno", "mine"]
    assert second[0].key != first[0].key
    assert second[1] == first[1]
    file.write_text("no policy")
    with pytest.raises(InputError, match="is not a safetensors file"):
        again()
