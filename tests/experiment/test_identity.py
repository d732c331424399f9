"""What is run is fixed for a folder; how it is run, and under conditions for how long, may change."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from numpy.testing import assert_allclose

from astraea.errors import InputError, RunError
from astraea.experiment.run import run
from astraea.experiment.settings import RunSettings, dump_toml, load_toml, parse_settings
from astraea.federation.loop import Budget, Callback, Run
from astraea.federation.round import Totals

SAME = ("metrics.jsonl", "chains.jsonl", "model.safetensors", "clients.json", "scenario.json", "fingerprint.json")


class StopAfter(Callback):
    def __init__(self, round_: int) -> None:
        self.round = round_

    def after_round(self, run: Run) -> None:
        if run.state.round == self.round:
            raise KeyboardInterrupt


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in SAME}


def interrupted(settings: RunSettings, folder: Path, round_: int) -> Path:
    with pytest.raises(KeyboardInterrupt):
        run(settings, out=folder, callbacks=[StopAfter(round_)])
    return folder


@pytest.fixture(scope="module")
def steady(tiny: RunSettings) -> RunSettings:
    """A run whose rates do not depend on its length, which is measured in every other round."""
    train = tiny.train.model_copy(update={"schedule": "constant"})
    evaluation = tiny.evaluation.model_copy(update={"every": 2})
    return tiny.model_copy(update={"train": train, "rounds": 4, "evaluation": evaluation})


@pytest.fixture(scope="module")
def six(steady: RunSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The steady run, of six rounds from its beginning."""
    folder = tmp_path_factory.mktemp("runs") / "six"
    run(steady, rounds=6, out=folder)
    return folder


def test_another_engine_data_folder_and_checkpoint_interval_give_the_same_bytes(
    steady: RunSettings, six: Path, tmp_path: Path
) -> None:
    folder = interrupted(steady.model_copy(update={"rounds": 6}), tmp_path / "r", 3)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(
        out=folder,
        resume=True,
        engine={"name": "processes", "workers": 2},
        data={"name": "digits", "dir": str(elsewhere), "download": False},
        output={"checkpoint_every": 1},
    )
    assert contents(folder) == contents(six)
    stored = parse_settings(load_toml(folder / "config.toml"))
    assert (stored.engine.name, stored.output.checkpoint_every) == ("processes", 1)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, r"has seed = 0, not 1: resume it without changes"),
        ({"availability": {"dropout": 0.5}}, r"has availability\.dropout = 0\.0, not 0\.5"),
        ({"rounds": 3}, r"has rounds = 4, not 3"),
        ({"samples": 1000}, r"has samples = None, not 1000"),
        ({"evaluation": {"every": 1}}, r"has evaluation\.every = 2, not 1"),
    ],
)
def test_what_is_run_does_not_change(steady: RunSettings, tmp_path: Path, change: dict[str, Any], named: str) -> None:
    (tmp_path / "config.toml").write_text(dump_toml(steady))
    with pytest.raises(RunError, match=named):
        run(out=tmp_path, resume=True, **change)


@pytest.mark.parametrize("first", [4, 3])
def test_a_finished_run_is_prolonged_to_the_bytes_of_a_longer_one(
    steady: RunSettings, six: Path, tmp_path: Path, first: int
) -> None:
    # After 3 rounds it was measured although it was not the turn: a longer run does not do that.
    folder = tmp_path / "r"
    run(steady, rounds=first, out=folder)
    assert json.loads((folder / "summary.json").read_text())["rounds"] == first
    result = run(out=folder, resume=True, rounds=6)
    assert contents(folder) == contents(six)
    assert (folder / "config.toml").read_bytes() == (six / "config.toml").read_bytes()
    assert result.summary["rounds"] == 6


def test_a_budget_of_samples_is_prolonged_too(steady: RunSettings, tmp_path: Path) -> None:
    run(steady, samples=900, out=tmp_path / "r")
    run(out=tmp_path / "r", resume=True, samples=1500)
    run(steady, samples=1500, out=tmp_path / "whole")
    assert contents(tmp_path / "r") == contents(tmp_path / "whole")


def test_where_rates_depend_on_the_length_a_run_is_prolonged_by_choice(tiny: RunSettings, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    run(tiny, rounds=2, out=folder)
    with pytest.raises(RunError, match=r"has rounds = 2, not 4, and train\.schedule = 'cosine' .* Add --prolong"):
        run(out=folder, resume=True, rounds=4)
    result = run(out=folder, resume=True, rounds=4, prolong=True)
    # A cosine over two rounds has the factors 1 and 1/2; one over four has 1/2 and 0.15 in its second half.
    assert_allclose([line["lr"] for line in result.history], [0.1, 0.05, 0.05, 0.1 * 0.14644661])
    assert any("first one of 2 rounds" in note for note in result.summary["notes"])
    before = contents(folder)
    assert run(out=folder, resume=True).history == result.history
    run(parse_settings(load_toml(folder / "config.toml")), out=tmp_path / "again")
    assert contents(tmp_path / "again") == before
    with pytest.raises(InputError, match="there is nothing to prolong"):
        run(out=folder, resume=True, prolong=True)


def test_a_prolonged_run_that_is_killed_goes_on(steady: RunSettings, six: Path, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    run(steady, out=folder)
    with pytest.raises(KeyboardInterrupt):
        run(out=folder, resume=True, rounds=6, callbacks=[StopAfter(5)])
    run(out=folder, resume=True)
    assert contents(folder) == contents(six)


def test_a_kill_while_a_run_is_being_prolonged_loses_nothing(steady: RunSettings, tmp_path: Path) -> None:
    folder = tmp_path / "r"
    run(steady, out=folder)
    before, config = contents(folder), (folder / "config.toml").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        run(out=folder, resume=True, rounds=6, callbacks=[StopAfter(5)])
    shutil.copytree(folder, tmp_path / "halfway")
    for name in (tmp_path / "halfway" / "checkpoint").glob("*5.safetensors"):
        name.unlink()
    (tmp_path / "halfway" / "config.toml").write_bytes(config)  # written last: the kill came before
    run(out=tmp_path / "halfway", resume=True)
    assert contents(tmp_path / "halfway") == before


def test_a_run_that_stopped_early_is_not_prolonged(tiny: RunSettings, tmp_path: Path) -> None:
    train = tiny.train.model_copy(update={"schedule": "constant", "lr": 0.2})
    settings = tiny.model_copy(update={"train": train})
    early = {"validation": 0.2, "early_stopping": 1}
    done = run(settings, rounds=40, evaluation=early, out=tmp_path / "r").summary["rounds"]
    assert done < 40
    with pytest.raises(RunError, match=rf"was stopped early, after round {done}, and more rounds would not"):
        run(out=tmp_path / "r", resume=True, rounds=60)
    # The same, where the length and early stopping fall on one round.
    run(settings, rounds=done, evaluation=early, out=tmp_path / "both")
    with pytest.raises(RunError, match="was stopped early"):
        run(out=tmp_path / "both", resume=True, rounds=60)


def test_progress_of_a_prolonged_run_is_that_of_each_length() -> None:
    budget = Budget(60, earlier=(10, 40))
    assert [budget.progress(round_, Totals()) for round_ in (5, 10, 39, 40, 60)] == [0.5, 0.25, 39 / 40, 40 / 60, 1.0]
    samples = Budget(1, 300, earlier=(200,))
    assert [samples.progress(0, Totals({"samples_processed": n})) for n in (100, 200, 330)] == [0.5, 200 / 300, 1.0]
