"""A run from settings to its folder and back: the same seed gives the same bytes, whatever interrupts it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import astraea
from astraea.errors import InputError, RunError
from astraea.experiment.folder import RunFolder
from astraea.experiment.result import Result, load, load_result
from astraea.experiment.run import run
from astraea.experiment.settings import RunSettings, dump_toml, load_toml, parse_settings
from astraea.experiment.summary import _one_answer
from astraea.federation.loop import Callback, Run
from astraea.files import lock

CONTRACT = {
    "algorithm", "scenario", "seed", "rounds", "accuracy_final", "accuracy_best", "balanced_accuracy", "tail_recall",
    "per_class_recall", "worst_decile_client_accuracy", "client_epochs", "samples_processed", "optimizer_steps",
    "critical_path_steps", "bytes_sent", "client_kl_mean", "mediator_kl_mean", "storage_overhead", "wall_seconds",
    "simulated_seconds",
}  # fmt: skip
REPRODUCIBLE = ("config.toml", "metrics.jsonl", "model.safetensors", "clients.json")


class StopAfter(Callback):
    """Interrupts the process as a user's Ctrl-C would, after a given round."""

    def __init__(self, round_: int) -> None:
        self.round = round_

    def after_round(self, run: Run) -> None:
        if run.state.round == self.round:
            raise KeyboardInterrupt


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in REPRODUCIBLE}


@pytest.fixture(scope="module")
def whole(tiny: RunSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    run(tiny, out=folder)
    return folder


def test_the_folder_holds_what_is_promised(whole: Path) -> None:
    names = {path.name for path in whole.iterdir()}
    assert names >= {*REPRODUCIBLE, "summary.json", "timings.jsonl", "checkpoint"}
    summary = json.loads((whole / "summary.json").read_text())
    assert set(summary) >= CONTRACT
    assert sum(summary["effective_prior"]) == pytest.approx(1)
    assert summary["rounds"] == 4
    assert summary["bytes_sent"] == 4 * 2 * (4 * 2) * 4 * (64 * 16 + 16 + 16 * 10 + 10)
    assert len((whole / "metrics.jsonl").read_text().splitlines()) == 4
    assert 0.3 < summary["accuracy_final"] <= summary["accuracy_best"] <= 1


def test_the_config_runs_again_as_it_is_to_the_same_bytes(whole: Path, tmp_path: Path) -> None:
    run(parse_settings(load_toml(whole / "config.toml")), out=tmp_path / "again")
    assert contents(tmp_path / "again") == contents(whole)


@pytest.mark.parametrize("round_", [1, 2, 3])
def test_stopped_and_resumed_is_uninterrupted(whole: Path, tiny: RunSettings, tmp_path: Path, round_: int) -> None:
    folder = tmp_path / "resumed"
    with pytest.raises(KeyboardInterrupt):
        run(tiny, out=folder, callbacks=[StopAfter(round_)])
    assert not (folder / "summary.json").exists()
    run(out=folder, resume=True)
    assert contents(folder) == contents(whole)


def test_a_killed_process_loses_at_most_the_rounds_since_its_checkpoint(tiny: RunSettings, tmp_path: Path) -> None:
    settings = tiny.model_copy(update={"rounds": 24})
    config, folder = tmp_path / "long.toml", tmp_path / "killed"
    config.write_text(dump_toml(settings))
    command = [sys.executable, "-m", "astraea", "run", str(config), "--out", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while len(list(folder.glob("checkpoint/*.safetensors"))) < 2 and process.poll() is None:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert not (folder / "summary.json").exists()
    run(out=folder, resume=True)
    run(settings, out=tmp_path / "whole")
    assert contents(folder) == contents(tmp_path / "whole")


def test_resuming_a_finished_run_gives_its_result(whole: Path) -> None:
    before = contents(whole)
    again = run(out=whole, resume=True)
    assert again.summary == json.loads((whole / "summary.json").read_text())
    assert contents(whole) == before


def test_a_folder_is_never_overwritten(whole: Path, tiny: RunSettings) -> None:
    with pytest.raises(RunError, match="already holds a run: resume it with --resume"):
        run(tiny, out=whole)
    with pytest.raises(RunError, match=r"has rounds = 4, not 3: resume it without changes"):
        run(tiny, out=whole, resume=True, rounds=3)


def test_two_processes_cannot_run_in_one_folder(tiny: RunSettings, tmp_path: Path) -> None:
    holder = rf"another process is running in .*r \(process {os.getpid()} on .+\): wait for it"
    with lock(tmp_path / "r"), pytest.raises(RunError, match=holder):
        run(tiny, out=tmp_path / "r")
    run(tiny, out=tmp_path / "r", rounds=1)


def test_a_trained_model_comes_back(whole: Path) -> None:
    model = load(whole)
    assert not model.training
    data = astraea.load_dataset("digits")
    assert data.test is not None
    with torch.no_grad():
        predictions = model(torch.from_numpy(data.test.x) / 255).argmax(1).numpy()
    summary = json.loads((whole / "summary.json").read_text())
    assert np.mean(predictions == data.test.y) == summary["accuracy_deployed"]


def test_a_result_tells_of_classes_and_clients(whole: Path) -> None:
    result = load_result(whole)
    assert list(result.per_class_recall) == [str(digit) for digit in range(10)]
    assert np.nanmean(list(result.per_class_recall.values())) == pytest.approx(result.summary["balanced_accuracy"])
    assert result.client_accuracies.shape == (6,)
    assert result.worst_clients.tolist() == [int(np.argmin(result.client_accuracies))]
    assert len(result.history) == 4


def test_folders_without_a_run_are_refused_in_a_sentence(tmp_path: Path, whole: Path) -> None:
    with pytest.raises(RunError, match=r"holds no run: it has no config\.toml"):
        load(tmp_path)
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "config.toml").write_bytes((whole / "config.toml").read_bytes())
    with pytest.raises(RunError, match="the run is not finished; go on with 'astraea run --resume"):
        load(unfinished)
    (unfinished / "summary.json").write_text("{")
    with pytest.raises(RunError, match=r"summary\.json is damaged"):
        load(unfinished)


@pytest.mark.parametrize(
    ("name", "left"),
    [("model.safetensors", None), ("model.safetensors", b""), ("summary.json", b"{"), ("clients.json", b"[]"),
     ("metrics.jsonl", b"1\n")],
)  # fmt: skip
def test_a_damaged_result_is_made_anew_from_the_checkpoint(
    whole: Path, tiny: RunSettings, tmp_path: Path, name: str, left: bytes | None
) -> None:
    folder = shutil.copytree(whole, tmp_path / "r")
    (folder / name).unlink()
    if left is not None:
        (folder / name).write_bytes(left)
    run(tiny, out=folder, resume=True)
    assert contents(folder) == contents(whole)
    assert (folder / "timings.jsonl").read_bytes() == (whole / "timings.jsonl").read_bytes()  # nothing was trained
    assert (folder / "summary.json").read_bytes() == (whole / "summary.json").read_bytes()


def test_checkpoints_without_settings_are_refused(whole: Path, tiny: RunSettings, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "r")
    (folder / "config.toml").unlink()
    with pytest.raises(RunError, match=r"holds checkpoints but no config\.toml"):
        run(tiny, out=folder, resume=True)


def test_a_damaged_fingerprint_is_named(whole: Path, tiny: RunSettings, tmp_path: Path) -> None:
    folder = shutil.copytree(whole, tmp_path / "r", ignore=shutil.ignore_patterns("summary.json"))
    for name in ("fingerprint.json", "probe.safetensors"):
        shutil.copy(whole / "fingerprint.json", folder)
        (folder / name).write_bytes(b"[]")
        with pytest.raises(RunError, match=rf"{name} is damaged \(.*\): delete it and resume"):
            run(tiny, out=folder, resume=True)
        (folder / name).unlink()
    run(tiny, out=folder, resume=True)
    assert contents(folder) == contents(whole)


def test_an_unwritable_place_is_one_sentence(tiny: RunSettings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written"):
        run(tiny, out=tmp_path / "file" / "run")


def test_a_run_from_a_notebook_takes_data_scenario_and_model(tiny: RunSettings) -> None:
    x = np.random.default_rng(0).normal(size=(90, 5)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64) + (x[:, 0] > 1)
    data = astraea.from_arrays(x, y, class_names=("low", "middle", "high"))
    scenario = astraea.build_scenario(data, clients=5, seed=1)
    model = nn.Linear(5, 3)
    before = model.weight.detach().clone()

    def train() -> Result:
        algorithm = {"name": "fedavg", "clients_per_round": 3}
        return astraea.run(scenario=scenario, model=model, rounds=6, algorithm=algorithm, train={"lr": 0.2})

    result = train()
    assert result.summary["accuracy_final"] > 0.7  # from any initial weights: 0.83 or 0.89 from twelve
    assert set(result.per_class_recall) == {"low", "middle", "high"}
    assert torch.equal(model.weight, before)  # the caller's model is copied
    assert train().summary["accuracy_final"] == result.summary["accuracy_final"]


def test_early_stopping_deploys_the_best_by_validation(tiny: RunSettings) -> None:
    stopping = run(
        tiny, rounds=40, evaluation={"validation": 0.2, "early_stopping": 2}, train={"lr": 0.2, "schedule": "constant"}
    )
    scores = [line["validation_balanced_accuracy"] for line in stopping.history]
    assert stopping.summary["rounds"] < 40
    assert stopping.summary["deployed_round"] == int(np.argmax(scores)) + 1
    assert stopping.summary["accuracy_deployed"] == stopping.history[int(np.argmax(scores))]["accuracy"]


def test_one_answer_is_a_collapse_only_after_something_was_learned() -> None:
    recalls = np.array([1.0, 0.0, np.nan])
    (told,) = _one_answer(recalls, [{"balanced_accuracy": 0.9}, {"balanced_accuracy": 0.5}])
    assert told.startswith("The model answers with one class for all: training collapsed.")
    (told,) = _one_answer(recalls, [{"balanced_accuracy": 0.6}, {"balanced_accuracy": 0.5}])
    assert told.startswith("The model answers with one class for all: it has learned nothing.")
    assert _one_answer(np.array([1.0, 0.1]), [{"balanced_accuracy": 0.5}]) == []


def test_a_run_that_learns_nothing_says_so(whole: Path, tiny: RunSettings) -> None:
    train = tiny.train.model_copy(update={"lr": 50.0, "warmup": 0.0})
    notes = run(tiny.model_copy(update={"train": train})).summary["notes"]
    assert any("one class for all" in note and "train.lr" in note for note in notes)
    assert not any("one class for all" in note for note in json.loads((whole / "summary.json").read_text())["notes"])


def test_on_the_fly_augmentation_stores_nothing(tiny: RunSettings) -> None:
    offline = run(tiny, rounds=1, balance={"storage": "offline"})
    fresh = run(tiny, rounds=1)
    assert offline.summary["storage_overhead"] > 0.1
    assert fresh.summary["storage_overhead"] == 0
    assert fresh.summary["samples_processed"] == offline.summary["samples_processed"]


def test_clients_that_do_not_answer_leave_the_run_reproducible(tiny: RunSettings) -> None:
    options: dict[str, Any] = {"availability": {"dropout": 0.5}, "rounds": 6}
    first, again = run(tiny, **options), run(tiny, **options)
    assert min(line["clients"] for line in first.history) < 4
    assert first.history == again.history


def test_the_earlier_spelling_of_dropout_is_read() -> None:
    settings = parse_settings({"engine": {"name": "processes", "dropout": 0.5, "workers": 3, "width": 64}})
    assert (settings.availability.dropout, getattr(settings.engine, "workers", 0)) == (0.5, 3)
    assert parse_settings({"engine": {"dropout": 0.5}, "availability": {"dropout": 0.1}}).availability.dropout == 0.1


def test_a_model_in_the_place_of_settings_is_told() -> None:
    with pytest.raises(
        InputError, match=r"the first argument is settings, not a Linear: name it, as in run\(model=...\)"
    ):
        run(nn.Linear(2, 2))  # type: ignore[arg-type]


def test_a_secret_seed_of_many_bits_is_kept_in_the_folder(tiny: RunSettings, tmp_path: Path) -> None:
    seed = 2**127 + 1  # as of secrets.randbits(128)
    run(tiny.model_copy(update={"seed": seed, "rounds": 1}), out=tmp_path / "r")
    assert RunFolder(tmp_path / "r").settings().seed == seed
    assert load_result(tmp_path / "r").summary["seed"] == seed
    (tmp_path / "r" / "config.toml").write_text(f"rounds = {2**70}\n")
    with pytest.raises(InputError, match="a whole number of more than 64 bits"):
        load_result(tmp_path / "r")
    with pytest.raises(InputError, match="'samples' is a whole number of more than 64 bits: give a smaller one"):
        parse_settings({"scenario": {"samples": 2**70}})
