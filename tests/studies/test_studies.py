"""Studies: every file gives arms that can be run, and pages are made from run folders alone."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from astraea.errors import InputError
from astraea.experiment.compare import compare
from astraea.experiment.comparison import Comparison
from astraea.experiment.folder import RunFolder
from astraea.experiment.settings import parse_settings

STUDIES = Path(__file__).parents[2] / "studies"
NAMES = ("ablation", "headline", "skew", "imbalance", "cost", "sweeps", "peers", "unseen")


@pytest.fixture(scope="module")
def study(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("study")


@pytest.fixture(scope="module")
def results(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("results")


@pytest.mark.parametrize("name", NAMES)
def test_every_study_is_runnable_arms(study: ModuleType, name: str) -> None:
    assert name in study.NAMES
    loaded = study.load_study(name)
    for part in study.parts(loaded):
        assert len(part.arms) >= 2
        assert {settings.data.name for settings in part.arms.values()} == {part.dataset}
        # The test set chooses nothing: there are validation samples, and the model in use is the best by them.
        assert all(settings.evaluation.validation == 0.1 for settings in part.arms.values())
        assert all(settings.evaluation.early_stopping for settings in part.arms.values())


@pytest.mark.parametrize("name", NAMES)
def test_smoke_changes_sizes_only(study: ModuleType, name: str) -> None:
    loaded = study.load_study(name)
    for whole, small in zip(study.parts(loaded), study.parts(loaded, smoke=True), strict=True):
        assert (whole.arms.keys(), whole.rates, whole.schedules) == (small.arms.keys(), small.rates, small.schedules)
        for arm, settings in small.arms.items():
            full = whole.arms[arm]
            assert settings.train == full.train
            assert settings.balance == full.balance
            assert settings.server == full.server
            assert settings.scenario.labels == full.scenario.labels
            assert settings.rounds < full.rounds


def test_the_published_datasets_are_there_for_whoever_has_them(study: ModuleType) -> None:
    loaded = study.load_study("headline")
    for part in study.parts(loaded, ["emnist", "cinic10"]):
        assert part.arms


def test_the_shares_and_cases_of_a_study_reach_its_arms(study: ModuleType) -> None:
    arms = {part.case: part.arms["fedavg"] for part in study.parts(study.load_study("imbalance"), ["cifar10"])}
    cases = {case: settings.scenario for case, settings in arms.items()}
    assert arms["BAL1"].rounds == arms["LTRF2"].rounds == 28  # named, so not the dataset's 35 cut by the share
    assert cases["LTRF2"].samples == 3687  # 0.35 of the dataset's, which is this study's share of it
    assert cases["LTRF1"].samples == 1844
    assert (cases["BAL1"].labels.name, cases["BAL1"].skew.name, cases["LTRF1"].labels.name) == (
        "balanced",
        "stratified",
        "half-normal",
    )


def test_a_sweep_varies_its_keys_and_nothing_else(study: ModuleType) -> None:
    parts = {part.case: part for part in study.parts(study.load_study("sweeps"))}
    alphas = {name: settings.balance.rebalancing.alpha for name, settings in parts["alpha"].arms.items()}
    assert (alphas["astraea"], alphas["alpha=0.83"]) == (0.67, 0.83)  # the first arm sets the samples of all
    assert len(alphas) == 6
    grid = parts["mediators"].arms["clients_per_round=20 capacity=4"].algorithm
    assert (grid.clients_per_round, grid.capacity, grid.mediator_epochs) == (20, 4, 2)


def test_unknown_studies_are_named(study: ModuleType) -> None:
    with pytest.raises(InputError, match="did you mean 'ablation'"):
        study.load_study("ablatoin")


def test_traffic_is_read_at_the_first_mean_of_three_evaluations(results: ModuleType) -> None:
    history: list[dict[str, float]] = [{"bytes_sent": 5}]
    history += [{"accuracy": level, "bytes_sent": 10 * n} for n, level in enumerate([0.9, 0.1, 0.5, 0.6, 0.7, 0.8])]
    assert results.traffic_to(history, 0.5) == 20  # (0.9 + 0.1 + 0.5) / 3
    assert results.traffic_to(history, 0.6) == 40
    assert results.traffic_to(history, 0.71) is None


def test_a_plateau_is_each_seeds_own(results: ModuleType, finished: Comparison) -> None:
    ends = {"low": [[0.1, 0.2, 0.3]] * 2, "high": [[0.9, 0.2, 0.4, 0.6], [0.0, 0.4, 0.4, 0.7]]}

    class Known:
        summaries = ends
        seeds = (0, 1)

        def history(self, arm: str, seed: int) -> list[dict[str, float]]:
            return [{"accuracy": level, "bytes_sent": 1e6 * n} for n, level in enumerate(ends[arm][seed], 1)]

    best, levels = results.plateaus(Known(), ["low", "high", "absent"])
    assert (best, levels) == ("high", pytest.approx([0.4, 0.5]))
    assert results.plateaus(Known(), ["absent"]) is None


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    base = {
        "rounds": 4,
        "scenario": {"labels": "half-normal", "clients": 6, "samples": 200},
        "model": {"name": "mlp", "options": {"hidden": [8]}},
        "train": {"batch_size": 5},
    }
    arms = {
        "fedavg": parse_settings({**base, "algorithm": {"name": "fedavg", "clients_per_round": 4, "local_epochs": 1}}),
        "astraea": parse_settings(
            {
                **base,
                "algorithm": {
                    "name": "astraea",
                    "clients_per_round": 4,
                    "capacity": 2,
                    "local_epochs": 1,
                    "mediator_epochs": 2,
                },
            }
        ),
    }
    return compare(arms, 2, tmp_path_factory.mktemp("runs") / "part")


@pytest.mark.parametrize("picture", ["accuracy", "traffic"])
def test_a_page_says_what_the_folders_say(
    results: ModuleType, study: ModuleType, finished: Comparison, tmp_path: Path, picture: str
) -> None:
    planned = study.Study(
        title="Tiny", about="About.", datasets=("digits", "other"), cases={"only": study.Case()}, picture=picture
    )
    results.write_results(planned, "tiny", {("digits", "only"): finished}, tmp_path, "the command")
    page = (tmp_path / "tiny.md").read_text()
    assert "Made by `the command`" in page
    assert "Not finished: other, only." in page
    runs = [json.loads((finished.folder / "astraea" / f"seed-{s}" / "summary.json").read_text()) for s in (0, 1)]
    mean = 100 * sum(run["accuracy_final"] for run in runs) / 2
    row = next(line for line in page.splitlines() if line.startswith("| astraea"))
    assert row.startswith(f"| astraea | {mean:.1f} ± ")
    with (tmp_path / "tiny.csv").open() as file:
        values = [line for line in csv.DictReader(file) if line["arm"] == "astraea"]
    assert [float(line["final (%)"]) for line in values] == [100 * run["accuracy_final"] for run in runs]
    assert [line["seed"] for line in values] == ["0", "1"]
    assert (tmp_path / "tiny.png").read_bytes().startswith(b"\x89PNG")


def test_contrasts_are_paired_by_seed(results: ModuleType, finished: Comparison) -> None:
    finals = {"a": [0.5, 0.7], "b": [0.4, 0.5], "c": [0.9, 0.9], "d": [0.6, 0.7]}
    summaries = {arm: [{"accuracy_final": value} for value in values] for arm, values in finals.items()}
    known = dataclasses.replace(finished, summaries=summaries)
    assert results.contrast(known, ["a", "b"]) == "+15.0 ± 7.1"  # 10 and 20 points
    assert results.contrast(known, ["a", "b", "c", "d"]) == "40 %"  # 1 - 15 / 25
    assert results.contrast(known, ["a", "z"]) == ""


def test_a_page_tells_what_was_tried_on_validation_samples(
    results: ModuleType, study: ModuleType, finished: Comparison, tmp_path: Path
) -> None:
    planned = study.Study(title="Tiny", about="About.", datasets=("digits",), cases={"only": study.Case()})
    tried: dict[str, dict[str, float | None]] = {"fedavg": {"0.1": 0.5, "9": None}, "astraea": {"0.1": 0.25, "9": 0.75}}
    searched = dataclasses.replace(finished, searched=tried)
    results.write_results(planned, "tiny", {("digits", "only"): searched}, tmp_path, "the command")
    page = (tmp_path / "tiny.md").read_text()
    assert "| arm | 0.1 | 9 |\n|---|---:|---:|\n| fedavg | 50.0 | failed |\n| astraea | 25.0 | 75.0 |" in page


def test_texts_say_what_the_results_pages_say() -> None:
    root = STUDIES.parent
    results = {page.name: page.read_text() for page in (root / "docs" / "results").glob("*.md")}
    told = {}
    for text in (
        root / "README.md",
        *(root / "docs" / "explanation").glob("*.md"),
        *(root / "docs").glob("how-to/*.md"),
    ):
        written = text.read_text().replace("−", "-")
        linked = [results[name] for name in re.findall(r"results/([\w-]+\.md)", written) if name in results]
        told[text.name] = re.findall(r"[\d.]+ ± [\d.]+\d", written)
        assert [value for value in told[text.name] if not any(value in page for page in linked)] == [], text
    assert len(told["README.md"]) >= 12
    assert len(told["imbalance.md"]) >= 100


def test_the_readmes_first_table_is_that_of_the_frontier() -> None:
    root = STUDIES.parent
    page = (root / "docs" / "results" / "frontier.md").read_text()

    def measured(dataset: str) -> list[list[str]]:
        """Accuracy, rarest quarter, MB and critical path of the methods with all of their seeds."""
        lines = page.partition(f"## {dataset}, random: FedAvg's bytes")[2].partition("Differences")[0].splitlines()
        cells = [line.strip("| ").split(" | ") for line in lines if " | " in line]
        return [[row[1], row[2], row[5], row[6]] for row in cells if row[-1] == "5 of 5"]

    table = (root / "README.md").read_text().partition("At no more bytes")[2].partition("```")[0]
    told = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ") and " ± " in line]
    characters, cifar = measured("devanagari"), measured("cifar10")
    assert len(told) >= 9
    assert [row for row in told if row[1:5] not in characters or row[5:] not in cifar] == []
    assert [row for row in cifar if row not in [one[5:] for one in told]] == []  # what both have is told


def test_studies_share_the_runs_that_they_have_in_common(
    script: Callable[[str], ModuleType], finished: Comparison, tmp_path: Path
) -> None:
    kept = tmp_path / "headline" / "digits" / "searched"
    shutil.copytree(finished.folder, kept)
    (kept / "fedavg" / "seed-1" / "summary.json").unlink()
    (kept / "astraea" / "seed-1" / "config.toml").write_text("no_such_key = 1\n")
    runs = script("shared").FinishedRuns(tmp_path)
    settings = RunFolder(finished.folder / "fedavg" / "seed-0").settings()
    assert runs(settings) == kept / "fedavg" / "seed-0"
    assert runs(settings.model_copy(update={"seed": 1})) is None  # not finished
    assert runs(settings.model_copy(update={"samples": 1})) is None
    assert runs(RunFolder(finished.folder / "astraea" / "seed-1").settings()) is None  # unreadable


def test_a_command_with_nothing_finished_says_so(tmp_path: Path) -> None:
    command = [sys.executable, str(STUDIES / "run.py"), "sweeps", "--report", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "nothing is finished yet" in done.stderr
    wrong = subprocess.run([*command[:2], "swepes"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert "did you mean 'sweeps'" in " ".join(wrong.stderr.split())
