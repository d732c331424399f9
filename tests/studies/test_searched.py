"""Searched studies: one rule for every knob, budgets that are kept to the byte, and a page made from scores alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from astraea.errors import InputError
from astraea.experiment.prepare import prepare
from astraea.experiment.run import run

STUDIES = Path(__file__).parents[2] / "studies"
DOCS = STUDIES.parent / "docs" / "results"

TINY = """
title = "Tiny"
about = "About."
edition = 2
datasets = ["digits"]
search_seed = 0
seeds = [1, 2]
evaluations = 2
reference = { arm = "fedavg", knobs = { chains = 2, epochs = 2 } }
contrasts = [["chains", "fedavg"]]
settings = { model = { name = "mlp", options = { hidden = [8] } } }

[cases.random]
about = "random labels"

[rivals]
page = "others"
title = "Others"
about = "About others."
beside = "chains"

[budgets.all]
about = "as many samples"

[budgets.half]
about = "half the bytes"
bytes = 0.5
methods = ["fedavg"]
seeds = 1

[ladders]
rate = { factor = 2 }
chains = { values = [1, 2] }

[keys]
rate = "train.lr"
bits = "algorithm.bits"

[methods.fedavg]
arm = "fedavg"
start = { rate = 0.1, chains = 2, epochs = 2 }
search = ["rate", "chains"]

[methods.prox]
arm = "fedavg+fedprox"
title = "FedProx"
rival = true
start = { rate = 0.1, chains = 2, epochs = 2 }
search = []

[methods.chains]
arm = "astraea"
start = { rate = 0.1, chains = 1, chain = 4, epochs = 1, passes = 2 }
search = []

[data.digits]
rounds = 3
data = { name = "digits" }
scenario = { labels = "half-normal", clients = 6, samples = 200 }
"""


@pytest.fixture(scope="module")
def parts(script: Callable[[str], ModuleType]) -> Any:
    names = ("limits", "measured", "page", "plan", "progress", "recipe", "rivals", "scores", "search")
    return SimpleNamespace(**{name: script(f"searched.{name}") for name in names})


@pytest.fixture
def tiny(parts: Any, tmp_path: Path) -> Any:
    file = tmp_path / "tiny.toml"
    file.write_text(TINY)
    return parts.plan.load_plan(file)


def test_a_search_ends_where_both_neighbours_on_every_ladder_are_worse(parts: Any) -> None:
    ladders = {"rate": parts.search.Ladder(factor=2), "chains": parts.search.Ladder(values=(1, 2, 4, 10))}

    gain, best_rate = {10: 0.0, 4: 0.05, 2: 0.1, 1: 0.15}, {10: 0.02, 4: 0.02, 2: 0.04, 1: 0.08}

    def score(point: Any) -> float:  # fewer chains are better, and want a higher rate
        knobs = dict(point)
        return gain[knobs["chains"]] - abs(knobs["rate"] - best_rate[knobs["chains"]])

    outcome = parts.search.search(parts.search.point({"rate": 0.01, "chains": 10}), ["rate", "chains"], ladders, score)
    assert outcome.done
    assert dict(outcome.best) == {"rate": 0.08, "chains": 1}
    tried = [(dict(point)["rate"], dict(point)["chains"]) for point in outcome.tried]
    up_and_inside = [(0.01, 10), (0.005, 10), (0.02, 10), (0.04, 10)]
    assert tried == [
        *up_and_inside,
        (0.02, 4),
        (0.02, 2),
        (0.02, 1),
        (0.01, 1),
        (0.04, 1),
        (0.08, 1),
        (0.16, 1),
        (0.08, 2),
    ]


def test_a_search_says_what_it_needs_next_and_goes_the_same_way_again(parts: Any) -> None:
    ladders = {"rate": parts.search.Ladder(factor=2)}
    known: dict[float, float] = {}
    asked: list[list[float]] = []

    def score(point: Any) -> float | None:
        return known.get(dict(point)["rate"])

    for _ in range(3):
        outcome = parts.search.search(parts.search.point({"rate": 1}), ["rate"], ladders, score)
        asked.append([dict(point)["rate"] for point in outcome.missing])
        known |= {rate: -abs(rate - 4) for rate in asked[-1]}
    assert asked == [[1, 0.5, 2], [4], [8]]
    outcome = parts.search.search(parts.search.point({"rate": 1}), ["rate"], ladders, score)
    assert (outcome.done, dict(outcome.best)) == (True, {"rate": 4})


def test_a_search_says_what_it_is_likely_to_need_later(parts: Any) -> None:
    ladders = {"rate": parts.search.Ladder(factor=2), "chains": parts.search.Ladder(values=(1, 2, 4))}
    start = parts.search.point({"rate": 1, "chains": 2})
    known = {start: 0.5, parts.search.point({"rate": 2, "chains": 2}): 0.6}
    outcome = parts.search.search(start, ["rate", "chains"], ladders, known.get)
    later = [{"chains": 2, "rate": 4}, {"chains": 1, "rate": 2}, {"chains": 4, "rate": 2}]  # beside the best so far
    assert [dict(point) for point in outcome.missing] == [{"chains": 2, "rate": 0.5}]
    assert [dict(point) for point in outcome.likely] == later


def test_equal_scores_move_nothing_and_impossible_points_are_not_tried(parts: Any) -> None:
    ladders = {"chains": parts.search.Ladder(values=(1, 2, 4))}
    start = parts.search.point({"chains": 2})
    outcome = parts.search.search(start, ["chains"], ladders, lambda _: 0.5, lambda point: dict(point)["chains"] < 4)
    assert (dict(outcome.best), len(outcome.tried)) == ({"chains": 2}, 2)
    fixed = parts.search.search(start, [], ladders, lambda _: 0.5)
    assert (fixed.done, dict(fixed.best), len(fixed.tried)) == (True, {"chains": 2}, 1)


def test_a_search_looks_below_rates_that_all_score_the_same(parts: Any) -> None:
    ladders = {"rate": parts.search.Ladder(factor=2)}
    start = parts.search.point({"rate": 1})

    def breaks_down(point: Any) -> float:  # above 1/8 nothing is learnt
        rate = dict(point)["rate"]
        return 0.1 if rate > 0.125 else 0.9 - abs(rate - 0.0625)

    outcome = parts.search.search(start, ["rate"], ladders, breaks_down)
    assert dict(outcome.best) == {"rate": 0.0625}
    flat = parts.search.search(start, ["rate"], ladders, lambda _: 0.1)
    assert (dict(flat.best), sorted(dict(one)["rate"] for one in flat.tried)[0]) == ({"rate": 1}, 0.00390625)
    known = {start: 0.1}
    asked = parts.search.search(start, ["rate"], ladders, known.get).missing
    assert [dict(one)["rate"] for one in asked] == [0.5, 2]  # a step at a time


def test_other_cases_begin_where_the_first_ended_and_move_some_knobs(parts: Any, tmp_path: Path) -> None:
    file = tmp_path / "tiny.toml"
    file.write_text(
        TINY.replace("evaluations = 2", 'evaluations = 2\nagain = ["rate"]').replace(
            "[rivals]", '[cases.skewed]\nabout = "skew"\nsettings = { scenario = { skew = "dirichlet" } }\n\n[rivals]'
        )
    )
    plan = parts.plan.load_plan(file)
    best = {"random": (0.2, 1), "skewed": (0.05, 2)}  # the best rate and number of chains of each case

    def validation(setup: Any, budget: str) -> float:
        (rate, chains), knobs = best[setup.case], dict(setup.knobs)
        return -abs(knobs["rate"] - rate) - abs(knobs["chains"] - chains)

    scores = SimpleNamespace(validation=validation)
    cell = parts.progress.Cell("digits", "skewed", "all", "fedavg")
    assert dict(parts.progress.chosen(plan, scores, cell)) == {"rate": 0.05, "chains": 1, "epochs": 2}
    fixed = parts.progress.Cell("digits", "skewed", "all", "prox")  # nothing of it is searched
    assert dict(parts.progress.chosen(plan, scores, fixed)) == {"rate": 0.1, "chains": 2, "epochs": 2}


@pytest.mark.parametrize(
    ("arm", "knobs"),
    [
        ("fedavg", {"chains": 3, "epochs": 2, "bits": 8}),
        ("fedavg+scaffold", {"chains": 3, "epochs": 1}),
        ("astraea", {"chains": 2, "chain": 2, "epochs": 2, "passes": 2}),
    ],
)
def test_what_rounds_cost_is_known_before_they_are_run(parts: Any, tiny: Any, arm: str, knobs: dict[str, int]) -> None:
    setup = parts.plan.Setup("digits", "random", arm, parts.search.point(knobs), 3)
    experiment = prepare(setup.settings(tiny, 4))
    experiment.engine.close()
    last = list(islice(parts.limits.costs(experiment), 4))[-1]
    summary = run(setup.settings(tiny, 4)).summary
    assert summary["visits_skipped"] == 0
    assert last == (summary["samples_processed"], summary["bytes_sent"], summary["critical_path_steps"])


def test_a_run_goes_on_as_long_as_all_limits_allow(parts: Any, tiny: Any) -> None:
    reference = parts.plan.Setup("digits", "random", "fedavg", parts.search.point({"chains": 2, "epochs": 2}), 1)
    limits = parts.limits.limits_of(tiny, "digits", "random", 1)
    assert limits["half"].bytes == pytest.approx(0.5 * 3 * 2 * 2 * 610 * 4)  # 3 rounds, 2 clients, both ways
    assert limits["all"].bytes == float("inf")
    assert parts.limits.rounds_within(tiny, reference, limits) == {"all": 3, "half": 1}
    tight = {"little": parts.limits.Cost(1, 1e9, 1e9)}
    assert parts.limits.rounds_within(tiny, reference, tight) == {"little": 0}


def test_knobs_reach_the_settings(parts: Any, tiny: Any) -> None:
    point = parts.search.point({"chains": 2, "chain": 3, "epochs": 4, "passes": 5, "rate": 0.3})
    settings = parts.plan.Setup("digits", "random", "astraea", point, 7).settings(tiny, 9)
    algorithm = settings.algorithm
    assert (algorithm.clients_per_round, algorithm.capacity) == (6, 3)
    assert (algorithm.local_epochs, algorithm.mediator_epochs) == (4, 5)
    assert (settings.train.lr, settings.seed, settings.rounds) == (0.3, 7, 9)
    assert settings.evaluation.every == 5  # twice in 9 rounds
    with pytest.raises(InputError, match="has no chains"):
        parts.plan.Setup("digits", "random", "fedavg", point, 7).settings(tiny)
    with pytest.raises(InputError, match="stands for no setting"):
        parts.plan.Setup("digits", "random", "fedavg", parts.search.point({"mew": 1}), 7).settings(tiny)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("seeds = [1, 2]", "seeds = [0, 1]", "seed 0 is searched with"),
        ('"chains", "fedavg"', '"chain", "fedavg"', "there is no method 'chain'"),
        ("values = [1, 2]", "values = [1, 4]", "cannot search 'chains'"),
        ("[rivals]", '[recipes]\nsome = "chains"\n[rivals]', "there is no budget 'some'"),
    ],
)
def test_a_study_that_does_not_fit_together_is_refused(
    parts: Any, tmp_path: Path, before: str, after: str, message: str
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(TINY.replace(before, after, 1))
    with pytest.raises(InputError, match=message):
        parts.plan.load_plan(file)


def test_searches_begin_lower_on_data_that_say_so(parts: Any, tmp_path: Path) -> None:
    file = tmp_path / "tiny.toml"
    file.write_text(TINY + "\n[starts.digits]\nrate = 0.25\n")
    plan = parts.plan.load_plan(file)
    assert dict(plan.start("digits", "fedavg")) == {"rate": 0.025, "chains": 2, "epochs": 2}
    assert dict(plan.start("other", "fedavg")) == {"rate": 0.1, "chains": 2, "epochs": 2}


def test_an_interval_is_students(parts: Any) -> None:
    mean, width = parts.measured.interval([1.0, 2.0, 3.0])
    assert (mean, width) == (2.0, pytest.approx(4.302653 / 3**0.5, rel=1e-6))
    assert parts.measured.interval([4.0]) == (4.0, pytest.approx(float("nan"), nan_ok=True))


def test_traffic_is_read_where_an_accuracy_is_first_measured(parts: Any) -> None:
    curve = [[10, 0.2], [20, 0.5], [30, 0.4], [40, 0.6]]
    assert [parts.measured.bytes_to(curve, accuracy) for accuracy in (0.1, 0.45, 0.6, 0.7)] == [10, 20, 40, None]


def test_the_recipe_is_compared_with_the_best_rival_of_each_cell_that_has_all_seeds(parts: Any, tiny: Any) -> None:
    plan = tiny.model_copy(update={"recipes": {"all": "chains", "half": "chains"}})

    def cell(method: str, *accuracies: float) -> Any:
        keys = [column.key for column in parts.measured.COLUMNS]
        runs = {
            seed: {**dict.fromkeys(keys, 0.0), "balanced_accuracy": accuracy, "client_accuracy": 0.5, "bytes": 2e6}
            for seed, accuracy in enumerate(accuracies, 1)
        }
        return parts.measured.Measured(parts.progress.Cell("digits", "random", "all", method), (), runs)

    def told(*found: Any) -> list[str]:
        return str("\n".join(parts.recipe.against_the_best(plan, found))).splitlines()

    lines = told(cell("fedavg", 0.60, 0.70), cell("prox", 0.62, 0.66), cell("chains", 0.61, 0.72))

    assert "Of 1 cells the recipe is ahead in 1, and more than one point behind in 0." in lines[2]
    assert lines[-1] == "| chains | 1 | 1 | 0 |"
    (row,) = [line.strip("| ").split(" | ") for line in lines if line.startswith("| digits")]
    assert row[:3] == ["digits", "random", "all"]
    assert [row[3], *row[5:7], *row[8:]] == ["66.5 ± 7.8", "fedavg", "65.0 ± 7.1", "+1.5 ± 6.4", "+0.0 ± 0.0", "2"]
    assert told(cell("fedavg", 0.6), cell("chains", 0.6, 0.7)) == []  # a seed of the rival is missing
    (last,) = [line for line in told(cell("prox", 0.7, 0.8), cell("chains", 0.6, 0.7)) if line.startswith("| digits")]
    assert "-10.0 ± 0.0" in last


def test_bytes_saved_are_those_of_the_cheapest_plans_that_get_there_under_every_seed(parts: Any, tiny: Any) -> None:
    def cell(method: str, *sent: tuple[float, float]) -> Any:  # bytes at which 0.5 is reached, and the final accuracy
        runs = {
            seed: {"accuracy": final, "curve": [[1e6, 0.1], [at, 0.5 if final >= 0.5 else final], [9e6, final]]}
            for seed, (at, final) in enumerate(sent, 1)
        }
        return parts.measured.Measured(parts.progress.Cell("digits", "random", "all", method), (), runs)

    fedavg, chains = cell("fedavg", (8e6, 0.5), (6e6, 0.5)), cell("chains", (2e6, 0.6), (3e6, 0.5))
    (row,) = [line for line in parts.recipe.bytes_saved(tiny, [fedavg, chains]) if "digits" in line]
    (cells,) = [line for line in row.splitlines() if line.startswith("| digits")]
    assert cells == "| digits | random | fedavg | 7.0 | chains | 2.5 | 0.36 |"
    assert parts.recipe.bytes_saved(tiny, [fedavg, cell("chains", (2e6, 0.6), (3e6, 0.4))]) == []


def test_the_command_searches_measures_and_writes_a_page(tmp_path: Path) -> None:
    file, kept, pages = tmp_path / "tiny.toml", tmp_path / "scores", tmp_path / "pages"
    file.write_text(TINY)
    command = [sys.executable, str(STUDIES / "measure.py"), str(file)]
    command += ["--jobs", "1", "--scores", str(kept), "--results", str(pages)]
    subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in (kept / "tiny.jsonl").read_text().splitlines()]
    limits = [json.loads(line) for line in (kept / "tiny-rounds.jsonl").read_text().splitlines()]
    bytes_of = {row["seed"]: row["limits"]["half"]["bytes"] for row in limits if "limits" in row}
    assert {row["seed"] for row in rows} == {0, 1, 2}
    assert any(row["bytes"] <= bytes_of[row["seed"]] for row in rows)
    text = (pages / "tiny.md").read_text()
    rows_of_fedavg = [line.split(" | ") for line in text.splitlines() if line.startswith("| fedavg | ")]
    assert len(rows_of_fedavg) == 2
    assert all("seeds" not in row[9] for row in rows_of_fedavg)  # each seed reaches its own final accuracy
    assert "| chains − fedavg | " in text
    assert "Finished: 4 searches and 7 measurements" in text
    others = (pages / "others.md").read_text()
    (row,) = [line.split(" | ") for line in others.splitlines() if line.startswith("| FedProx | ")]
    assert row[1:3] == ["chains 2, epochs 2, rate 0.1", "1"]
    of = {(row["arm"], row["seed"]): 100 * row["balanced_accuracy"] for row in rows if row["seed"]}
    more = sum(of["astraea", seed] - of["fedavg+fedprox", seed] for seed in (1, 2)) / 2
    assert row[6].startswith(f"{more:+.1f} ± ")
    assert "## digits, all: prox" in others.replace("###", "##")
    assert "prox" not in text.partition("## What was searched")[2]
    assert (pages / "tiny.png").read_bytes().startswith(b"\x89PNG")

    subprocess.run([*command, "--minutes", "1"], capture_output=True, text=True, check=True)
    assert len((kept / "tiny.jsonl").read_text().splitlines()) == len(rows)  # nothing is run twice

    (kept / "tiny.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:5]))
    subprocess.run([*command, "--report"], capture_output=True, text=True, check=True)
    assert "**Partial**" in (pages / "tiny.md").read_text()


def test_scores_of_another_edition_and_damaged_ones_are_not_used(parts: Any, tiny: Any, tmp_path: Path) -> None:
    setup = parts.plan.Setup("digits", "random", "fedavg", parts.search.point({"rate": 0.1, "chains": 2}), 0)
    kept = parts.scores.Scores(tmp_path, "tiny", tiny)
    kept.add_rounds(setup, {"all": 3, "half": 1})
    kept.add_run(setup, 3, {"validation": 0.5})
    again = parts.scores.Scores(tmp_path, "tiny", tiny)
    assert (again.validation(setup, "all"), again.validation(setup, "half")) == (0.5, None)
    later = parts.scores.Scores(tmp_path, "tiny", tiny.model_copy(update={"edition": 3}))
    assert later.validation(setup, "all") is None
    (tmp_path / "tiny.jsonl").write_text('{"edition": 2\n')
    with pytest.raises(InputError, match="line 1 is damaged"):
        parts.scores.Scores(tmp_path, "tiny", tiny)


@pytest.mark.parametrize("study", ["frontier", "frontier-small", "longtail", "longtail-small", "unseen-small"])
def test_the_methods_of_a_study_can_be_run_on_all_of_its_data(parts: Any, study: str) -> None:
    plan = parts.plan.load_plan(STUDIES / f"{study}.toml")
    for cell in parts.progress.cells(plan):
        start = parts.search.point(plan.methods[cell.method].start)
        settings = parts.progress.setup_of(plan, cell, start, plan.search_seed).settings(plan)
        assert settings.evaluation.validation == 0.1
        assert cell.dataset in plan.data or cell.dataset == settings.data.name
        assert settings.train.optimizer == "SGD"


@pytest.mark.parametrize(("case", "rarest"), [("factor 100", 23), ("factor 50", 45), ("factor 10", 225)])
def test_the_long_tailed_benchmark_divides_its_data(parts: Any, data_dir: Path, case: str, rarest: int) -> None:
    plan = parts.plan.load_plan(STUDIES / "longtail.toml")
    setup = parts.plan.Setup("cifar10-lt", case, "fedavg", parts.search.point({"chains": 8, "epochs": 10}), 0)
    settings = setup.settings(plan)
    settings = settings.model_copy(update={"data": settings.data.model_copy(update={"dir": data_dir})})
    experiment = prepare(settings)
    experiment.engine.close()
    counts = experiment.scenario.global_counts
    assert (counts[0], counts[-1], len(experiment.population)) == (2250, rarest, 20)  # a tenth is held out


def test_rivals_come_after_all_budgets_and_other_cases_last(parts: Any, tmp_path: Path) -> None:
    plan = parts.plan.load_plan(STUDIES / "frontier.toml")
    nothing = parts.scores.Scores(tmp_path, "frontier", plan)
    runs = list(parts.progress.wanted(plan, nothing))
    assert {run.setup.case for run in runs} == {"random"}  # the others reuse what is searched there
    assert {run.budget for run in runs} == {"FedAvg's bytes"}  # where the searches of other budgets begin
    first_rival = next(place for place, run in enumerate(runs) if run.setup.arm == "fedavg+fedprox")
    assert {run.setup.dataset for run in runs[:first_rival]} == set(plan.datasets)
    assert dict(runs[0].setup.knobs) == {"rate": 0.02, "chains": 4, "epochs": 5}

    only = parts.progress.Only(("cifar10",), ("random",), ("FedAvg's bytes",), ("fedavg", "cyclic"))
    assert {(run.setup.dataset, run.setup.arm) for run in parts.progress.wanted(plan, nothing, only=only)} == {
        ("cifar10", "fedavg"),
        ("cifar10", "cyclic"),
    }
    with pytest.raises(InputError, match="the study has no method 'fedavgg'"):
        parts.progress.Only(methods=("fedavgg",)).check(plan)

    further = list(parts.progress.wanted(plan, nothing, ahead=True))
    place = next(place for place, run in enumerate(further) if run.setup.dataset == plan.datasets[1])
    assert (further[place - 1].setup.dataset, further[place - 1] in runs) == (plan.datasets[0], False)


@pytest.mark.parametrize("study", ["frontier", "frontier-small", "small", "unseen-small"])
def test_the_pages_say_what_their_scores_say(parts: Any, tmp_path: Path, study: str) -> None:
    plan = parts.plan.load_plan(STUDIES / f"{study}.toml")
    scores = parts.scores.Scores(STUDIES / "scores", study, plan)
    assert scores.rows
    parts.page.write_page(plan, study, scores, tmp_path, f"python studies/measure.py {study}")
    assert (tmp_path / f"{study}.md").read_text() == (DOCS / f"{study}.md").read_text()
    wanted = parts.rivals.write_rivals(plan, study, scores, tmp_path, f"python studies/measure.py {study}")
    assert wanted == (study == "frontier-small")
    if wanted:
        assert (tmp_path / "rivals.md").read_text() == (DOCS / "rivals.md").read_text()


def test_clients_are_as_many_as_an_arm_has_or_as_the_data_say(parts: Any) -> None:
    frontier, unseen = (parts.plan.load_plan(STUDIES / f"{name}.toml") for name in ("frontier-small", "unseen-small"))
    assert frontier.clients("characters", "fedavg") == 50
    assert frontier.clients("characters", "pooled") == 1
    assert unseen.clients("UCI-HAR", "fedavg") is None
