"""What the caller brings is known again by its fingerprint: nothing else takes its place."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import astraea
from astraea.data.dataset import Dataset
from astraea.data.scenario import Scenario
from astraea.errors import InputError, RunError
from astraea.experiment.fingerprint import dataset_digest, model_facts, probe, probe_inputs, scenario_digest
from astraea.experiment.settings import RunSettings, load_toml, parse_settings
from astraea.federation.loop import Callback, Run

SHORT: dict[str, Any] = {"rounds": 3, "algorithm": {"name": "fedavg", "clients_per_round": 3}, "train": {"lr": 0.1}}


class StopAfter(Callback):
    def __init__(self, round_: int) -> None:
        self.round = round_

    def after_round(self, run: Run) -> None:
        if run.state.round == self.round:
            raise KeyboardInterrupt


class Bend(nn.Module):
    """A network whose printed form and tensors do not tell what it computes."""

    def __init__(self, bend: Callable[[Tensor], Tensor] = torch.relu) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(5, 8), nn.Linear(8, 3)
        self.bend = bend

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last(self.bend(self.first(x)))
        return found


def arrays(seed: int = 0) -> Dataset:
    x = np.random.default_rng(seed).normal(size=(90, 5)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64) + (x[:, 0] > 1)
    return astraea.from_arrays(x, y, class_names=("low", "middle", "high"))


def interrupted(folder: Path, **options: Any) -> Path:
    with pytest.raises(KeyboardInterrupt):
        astraea.run(out=folder, callbacks=[StopAfter(2)], **SHORT, **options)
    return folder


def cli(*arguments: object) -> str:
    """Return the sentence with which a command is refused."""
    done = subprocess.run([sys.executable, "-m", "astraea", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 1, done.stdout
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("astraea: ")]
    return line


def test_own_data_are_asked_for_and_nothing_takes_their_place(tmp_path: Path) -> None:
    data, few = arrays(), {"clients": 5}
    folder = interrupted(tmp_path / "r", dataset=data, scenario=few)
    missing = r"the run was made with dataset 'arrays' of 90 samples, \w{32}, which came from Python .* dataset="
    with pytest.raises(RunError, match=missing):
        astraea.run(out=folder, resume=True)
    with pytest.raises(RunError, match=missing):
        astraea.run(parse_settings(load_toml(folder / "config.toml")))
    with pytest.raises(RunError, match=r"was made with dataset .*, not dataset .*: bring that data"):
        astraea.run(dataset=arrays(1), out=folder, resume=True)
    with pytest.raises(RunError, match=r"not scenario of 5 clients and 72 samples"):
        astraea.run(scenario=astraea.build_scenario(data, clients=5), out=folder, resume=True)
    for command in (["run", "--resume", "--out", folder], ["run", folder / "config.toml", "--out", tmp_path / "s"]):
        assert "which came from Python and is not in these settings: bring it again" in cli(*command)
    assert "came from Python" in cli("scenario", folder / "config.toml")
    assert "came from Python" in cli("compare", folder / "config.toml", "--out", tmp_path / "c")
    astraea.run(dataset=arrays(), out=folder, resume=True)
    astraea.run(dataset=arrays(), scenario=few, out=tmp_path / "whole", **SHORT)
    assert (folder / "metrics.jsonl").read_bytes() == (tmp_path / "whole" / "metrics.jsonl").read_bytes()
    assert astraea.run(out=folder, resume=True).summary["rounds"] == 3  # finished: its data are not read


def test_an_own_scenario_is_asked_for(tmp_path: Path) -> None:
    folder = interrupted(tmp_path / "r", scenario=astraea.build_scenario(arrays(), clients=5))
    with pytest.raises(RunError, match=r"made with scenario of 5 clients and 72 samples, .* scenario="):
        astraea.run(out=folder, resume=True)
    with pytest.raises(RunError, match=r"not scenario of 5 clients"):  # the same sizes, other owners
        astraea.run(scenario=astraea.build_scenario(arrays(), clients=5, seed=1), out=folder, resume=True)
    assert (
        astraea.run(scenario=astraea.build_scenario(arrays(), clients=5), out=folder, resume=True).summary["clients"]
        == 5
    )


def test_a_run_of_named_data_is_not_resumed_with_own(tiny: RunSettings, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        astraea.run(tiny, out=tmp_path, callbacks=[StopAfter(1)])
    with pytest.raises(RunError, match=r"made with the data that its settings name, not dataset 'arrays'"):
        astraea.run(dataset=arrays(), out=tmp_path, resume=True)
    with pytest.raises(RunError, match=r"made with the model that its settings name, not .*test_given:Bend"):
        astraea.run(model=Bend(), out=tmp_path, resume=True)


def test_other_files_of_the_same_name_are_noticed(tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        (tmp_path / name).mkdir()
        data = arrays(seed)
        np.savez(tmp_path / name / "mine.npz", x=data.train.x, y=data.train.y)

    def folder_of(name: str) -> dict[str, str]:
        return {"name": "npz", "path": "mine.npz", "dir": str(tmp_path / name)}

    folder = interrupted(tmp_path / "r", data=folder_of("one"), scenario={"clients": 5})
    with pytest.raises(RunError, match=r"was made with other data of the name 'npz': name the folder"):
        astraea.run(out=folder, resume=True, data=folder_of("other"))
    astraea.run(out=folder, resume=True, data=folder_of("same"))
    moved = {**folder_of("one"), "path": str(tmp_path / "same" / "mine.npz")}
    assert astraea.run(out=folder, resume=True, data=moved).summary["rounds"] == 3
    with pytest.raises(RunError, match="was made with other data"):  # finished, and yet not with these
        astraea.run(out=folder, resume=True, data=folder_of("other"))


def test_an_own_model_is_asked_for_and_comes_back(tmp_path: Path) -> None:
    options: dict[str, Any] = {"dataset": arrays(), "scenario": {"clients": 5}}
    folder = interrupted(tmp_path / "r", model=Bend(torch.tanh), **options)
    missing = r"made with the model .*test_given:Bend, \w{32}, which came from Python .* model="
    with pytest.raises(RunError, match=missing):
        astraea.run(dataset=arrays(), out=folder, resume=True)
    with pytest.raises(RunError, match="computes something else from the same weights: bring that model"):
        astraea.run(dataset=arrays(), model=Bend(torch.relu), out=folder, resume=True)
    done = astraea.run(dataset=arrays(), model=Bend(torch.tanh), out=folder, resume=True)
    x = torch.randn(20, 5)
    expected = done.model(x)

    for model in (Bend(torch.tanh), lambda: Bend(torch.tanh)):
        assert torch.equal(astraea.load(folder, model=model)(x), expected)
    assert astraea.load_result(folder, model=Bend(torch.tanh)).history == done.history
    assert astraea.run(out=folder, resume=True, model=Bend(torch.tanh)).history == done.history
    with pytest.raises(RunError, match=r"test_given:Bend, which is no part of this package and is not imported"):
        astraea.load(folder)
    with pytest.raises(RunError, match="computes something else from the same weights"):
        astraea.load(folder, model=Bend)  # whose own is ReLU
    with pytest.raises(RunError, match=r"model of class .*:Bend, not torch.nn.modules.linear:Linear"):
        astraea.load(folder, model=nn.Linear(5, 3))
    activation = nn.Sequential(nn.Linear(5, 3), nn.ReLU())
    astraea.run(model=activation, out=tmp_path / "s", **options, **SHORT)
    with pytest.raises(RunError, match=r"model that prints '\(1\): ReLU\(\)', not '\(1\): Tanh\(\)'"):
        astraea.load(tmp_path / "s", model=nn.Sequential(nn.Linear(5, 3), nn.Tanh()))


def test_a_named_model_of_ones_own_is_imported_on_trust_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_net.py").write_text(
        "import pathlib\nfrom torch import nn\npathlib.Path('imported').touch()\n"
        "def net(width=4):\n    return nn.Sequential(nn.Linear(5, width), nn.Tanh(), nn.Linear(width, 3))\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    script = (
        "import astraea, numpy as np, own_net, test_data\n"
        "astraea.run(dataset=test_data.data, scenario={'clients': 5}, model=own_net.net, out='r', rounds=1,\n"
        "            algorithm={'name': 'fedavg', 'clients_per_round': 3})\n"
    )
    (tmp_path / "test_data.py").write_text(
        "import astraea, numpy as np\n"
        "x = np.random.default_rng(0).normal(size=(90, 5))\n"
        "data = astraea.from_arrays(x, (x[:, 0] > 0) + 0 + (x[:, 0] > 1))\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    (tmp_path / "imported").unlink()
    with pytest.raises(RunError, match=r"is own_net:net, which is no part of this package .* trust=True"):
        astraea.load("r")
    assert not (tmp_path / "imported").exists()
    assert isinstance(astraea.load("r", trust=True), nn.Sequential)
    assert (tmp_path / "imported").exists()
    with pytest.raises(RunError, match=r"if you trust it, add --trust \(in Python trust=True\), or bring the model"):
        astraea.run(out="r", resume=True)
    assert isinstance(astraea.run(out="r", resume=True, trust=True).model, nn.Sequential)


def test_names_and_tables_are_taken_where_objects_are() -> None:
    result = astraea.run(
        dataset="digits",
        scenario={"labels": "half-normal", "clients": 6, "samples": 200},
        model={"name": "mlp", "options": {"hidden": [4]}},
        rounds=1,
    )
    assert (result.summary["dataset"], result.summary["clients"]) == ("digits", 6)
    assert sum(parameter.numel() for parameter in result.model.parameters()) == 64 * 4 + 4 + 4 * 10 + 10
    with pytest.raises(InputError, match=r"scenario= cannot be of type list: give a name, a table of settings, or a S"):
        astraea.run(scenario=[1, 2])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a scenario brings its data along: leave dataset= out"):
        astraea.run(scenario=astraea.build_scenario(arrays(), clients=5), dataset=arrays())


def test_validation_samples_come_with_an_own_scenario() -> None:
    with pytest.raises(InputError, match="the scenario that was given holds no validation samples"):
        astraea.run(scenario=astraea.build_scenario(arrays(), clients=5), evaluation={"validation": 0.1})


def test_a_models_class_is_made_with_the_seed_and_for_the_data() -> None:
    class Net(nn.Sequential):
        def __init__(self, shape: tuple[int, ...], classes: int) -> None:
            super().__init__(nn.Linear(shape[0], classes))

    options: dict[str, Any] = {"dataset": arrays(), "scenario": {"clients": 5}, "model": Net, **SHORT}
    first, again = astraea.run(**options), astraea.run(**options)
    assert first.history == again.history


def test_the_folder_tells_who_held_what_and_who_was_visited(tiny: RunSettings, tmp_path: Path) -> None:
    result = astraea.run(tiny, out=tmp_path)
    facts = json.loads((tmp_path / "scenario.json").read_text())
    assert facts["class_names"] == [str(digit) for digit in range(10)]
    assert facts["client_names"] == [str(client) for client in range(6)]
    assert np.sum(facts["held"], axis=0).tolist() == result.summary["class_counts"]
    assert np.sum(facts["trained"]) > np.sum(facts["held"])  # Astraea's copies of rare classes
    lines = [json.loads(line) for line in (tmp_path / "chains.jsonl").read_text().splitlines()]
    assert [line["round"] for line in lines] == [1, 2, 3, 4]
    for line, metrics in zip(lines, result.history, strict=True):
        assert len(line["chains"]) == metrics["chains"]
        assert len({client for chain in line["chains"] for client in chain}) == metrics["clients"]
        assert all(chain[: len(chain) // 2] == chain[len(chain) // 2 :] for chain in line["chains"])  # two passes


def digests(scenario: Scenario, **changes: Any) -> bool:
    """Whether a changed scenario has the same digest."""
    changed = Scenario(**{name: getattr(scenario, name) for name in scenario.__dataclass_fields__} | changes)
    return scenario_digest(changed) == scenario_digest(scenario)


def test_a_digest_is_of_everything_that_a_run_reads() -> None:
    data = arrays()
    one = astraea.build_scenario(data, clients=5)
    assert digests(one)
    assert digests(one, notes=("another",), name="another")
    assert not digests(one, class_names=("low", "middle", "top"))
    assert not digests(one, clients=one.clients[::-1])
    assert not digests(one, train=one.train.take(np.arange(len(one.train))[::-1]))
    assert not digests(one, test=one.train)
    changed = data.train.x.copy()
    changed[-1, -1] += 1e-3
    assert dataset_digest(arrays()) == dataset_digest(data)
    assert dataset_digest(astraea.from_arrays(changed, data.train.y, class_names=data.class_names)) != dataset_digest(
        data
    )


def test_a_probe_tells_functions_apart_and_leaves_the_model_as_it_was() -> None:
    inputs = probe_inputs((5,))
    one, other = Bend(torch.tanh), Bend(torch.tanh)
    before = {name: value.clone() for name, value in one.state_dict().items()}
    assert torch.equal(probe(one, inputs), probe(other, inputs))  # whatever their weights are
    assert (probe(Bend(torch.relu), inputs) - probe(one, inputs)).abs().max() > 0.1
    assert all(torch.equal(value, before[name]) for name, value in one.state_dict().items())
    assert one.training
    normed = nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3), nn.Dropout())
    assert torch.isfinite(probe(normed, inputs)).all()
    assert model_facts(one) == model_facts(other)


def test_frozen_weights_are_part_of_a_model(tmp_path: Path) -> None:
    def half_frozen(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        model = Bend()
        model.first.requires_grad_(False)
        return model

    options: dict[str, Any] = {"dataset": arrays(), "scenario": {"clients": 5}}
    folder = interrupted(tmp_path / "r", model=half_frozen(0), **options)
    with pytest.raises(RunError, match="other frozen weights"):
        astraea.run(dataset=arrays(), model=half_frozen(1), out=folder, resume=True)
    done = astraea.run(dataset=arrays(), model=half_frozen(0), out=folder, resume=True)
    x = torch.randn(3, 5)
    assert torch.equal(astraea.load(folder, model=half_frozen(1))(x), done.model(x))  # all weights are the folder's
