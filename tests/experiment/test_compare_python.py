"""Comparisons in Python: arms by name or by object, with data, a scenario and a model of the caller's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import astraea
from astraea.data.dataset import Dataset
from astraea.errors import InputError, RunError

SHORT: dict[str, Any] = {
    "rounds": 2,
    "algorithm": {"name": "astraea", "clients_per_round": 4, "capacity": 2, "local_epochs": 1, "mediator_epochs": 2},
    "train": {"lr": 0.1},
}


NET = nn.Sequential(nn.Tanh(), nn.Linear(5, 3))


def arrays(seed: int = 0) -> Dataset:
    x = np.random.default_rng(seed).normal(size=(90, 5)).astype(np.float32)
    return astraea.from_arrays(x, (x[:, 0] > 0).astype(np.int64) + (x[:, 0] > 1), class_names=("a", "b", "c"))


def test_own_data_scenario_model_and_arms(tmp_path: Path) -> None:
    own = {"mine": {"algorithm": {"name": "fedavg", "clients_per_round": 2}, "train.lr": 0.25}}
    scenario = astraea.build_scenario(arrays(), clients=6)
    result = astraea.compare("fedavg,astraea+fedprox,mine", 2, tmp_path, own=own, scenario=scenario, model=NET, **SHORT)
    assert list(result.summaries) == ["fedavg", "astraea+fedprox", "mine"]
    assert result.rates == {"fedavg": 0.1, "astraea+fedprox": 0.1, "mine": 0.25}
    assert {summary["clients"] for found in result.summaries.values() for summary in found} == {6}
    assert result.summaries["mine"][0]["class_names"] == ["a", "b", "c"]
    assert len(result.history("mine", 1)) == result.summaries["mine"][1]["rounds"]
    assert isinstance(astraea.load(tmp_path / "mine" / "seed-0", model=NET), nn.Sequential)

    shown = str(result)
    assert shown.splitlines()[0] == "2 seeds, mean ± standard deviation"
    assert "accuracy, final (%)" in shown
    assert result.to_markdown().splitlines()[4].startswith("| mine |")
    assert result.to_latex().startswith(r"\begin{tabular}{lrrrrrrrrrrr}")
    assert [len(panel.lines) for panel in result.figure().axes] == [3, 3, 3]

    with pytest.raises(RunError, match=r"given.data = 'scenario of 6 clients .*', not 'scenario of 6 clients"):
        astraea.compare(
            "fedavg", 2, tmp_path, scenario=astraea.build_scenario(arrays(1), clients=6), model=NET, **SHORT
        )


def test_arms_are_a_mapping_of_names_to_changes_and_the_runs_last_as_long_as_the_result() -> None:
    result = astraea.compare(
        {"slow": {"train.lr": 0.01}, "fast": {"train": {"lr": 0.5}}},
        seeds=1, dataset=arrays(), scenario={"clients": 6}, model=nn.Linear(5, 3), **SHORT,
    )  # fmt: skip
    assert result.rates == {"slow": 0.01, "fast": 0.5}
    folder = result.folder
    assert (folder / "fast" / "seed-0" / "summary.json").exists()
    del result
    assert not folder.exists()


def test_an_arm_does_not_change_what_an_object_is_in_the_place_of() -> None:
    scenario = astraea.build_scenario(arrays(), clients=6)
    with pytest.raises(InputError, match="arm 'pooled' changes the scenario, which an object takes the place of"):
        astraea.compare("fedavg,pooled", 1, scenario=scenario, **SHORT)
    with pytest.raises(InputError, match="arm 'fedavg' is there twice"):
        astraea.compare("fedavg,fedavg", 1, scenario=scenario, **SHORT)
    with pytest.raises(InputError, match=r"cannot be called '../up'"):
        astraea.compare({"../up": {}}, 1, **SHORT)


def test_rates_are_chosen_on_the_validation_samples_of_an_own_scenario() -> None:
    scenario = astraea.build_scenario(arrays(), clients=6, seed=0, validation=0.2)
    result = astraea.compare("fedavg", 1, scenario=scenario, model=NET, rates=[0.01, 0.3], **SHORT)
    assert set(result.searched["fedavg"]) == {"0.01", "0.3"}


_SCRIPT = """
import pathlib, sys
import numpy as np
import astraea
from astraea.federation.algorithms import FedAvg
from torch import nn

with pathlib.Path("count").open("a") as file:
    file.write("ran\\n")

class Net(nn.Module):
    def __init__(self, shape, classes):
        super().__init__()
        self.last = nn.Linear(shape[0], classes)
    def forward(self, x):
        return self.last(x)

class Mine(FedAvg, name="mine"):
    # Visits its clients by number.
    def chains(self, cohort, histograms, rng):
        return super().chains(sorted(cohort), histograms, rng)

x = np.random.default_rng(0).normal(size=(90, 5)).astype(np.float32)
data = astraea.from_arrays(x, (x[:, 0] > 0).astype(int))
options = dict(dataset=data, scenario={"clients": 6}, model=Net, rounds=1)
print(*astraea.compare("fedavg,mine", 1, "c", jobs=2, **options).summaries)
pathlib.Path("c/mine/seed-0/summary.json").unlink()  # as if it had been killed just before its end
print(*astraea.compare("fedavg,mine", 1, "c", jobs=2, **options).summaries)
"""


def test_a_script_without_a_main_guard_runs_once(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(_SCRIPT)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "fedavg mine\nfedavg mine\n", done.stderr
    assert (tmp_path / "count").read_text() == "ran\n"


def test_files_that_change_under_a_comparison_are_noticed(tmp_path: Path) -> None:
    def save(seed: int) -> None:
        np.savez(tmp_path / "mine.npz", x=arrays(seed).train.x, y=arrays(seed).train.y)

    data = {"name": "npz", "path": str(tmp_path / "mine.npz")}
    out = tmp_path / "c"
    save(0)
    astraea.compare("fedavg", 1, out, data=data, scenario={"clients": 6}, match_samples=False, **SHORT)
    save(1)
    with pytest.raises(RunError, match="were to share their data, and do not: the files have changed"):
        astraea.compare("fedavg,astraea", 1, out, data=data, scenario={"clients": 6}, match_samples=False, **SHORT)


def test_arms_stop_early_on_validation_samples_of_the_callers_own() -> None:
    data = arrays()
    held = (data.train.x[:30], data.train.y[:30])
    changes = SHORT | {"rounds": 6, "evaluation": {"early_stopping": 1}}
    result = astraea.compare(
        "fedavg,astraea", 1, dataset=data, validation=held, scenario={"clients": 6}, model=NET, **changes
    )
    assert all(found[0]["validation_balanced_accuracy_best"] > 0 for found in result.summaries.values())
    with pytest.raises(InputError, match="early_stopping needs validation samples"):
        astraea.compare("fedavg", 1, dataset=data, scenario={"clients": 6}, model=NET, **changes)
