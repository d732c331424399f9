"""The example package of parts of one's own: by object, by name and by path; killed, resumed and on every engine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import astraea
from astraea.errors import InputError
from astraea.experiment.settings import load_toml, parse_settings
from astraea.federation.loop import Callback, Run
from astraea.parts import Part

HERE = Path(__file__).parents[2] / "examples" / "own-parts"


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(HERE))
    import own_parts

    return own_parts


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """The environment of a process in which the package is installed."""
    info = tmp_path / "site" / "own_parts-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-parts\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[astraea.parts]\nown-parts = own_parts\n")
    path = os.pathsep.join([str(HERE), str(info.parent), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


def command(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "astraea", *arguments], env=environment, capture_output=True, text=True, check=False
    )


class Killed(Callback):
    def after_round(self, run: Run) -> None:
        if run.state.round == 3:
            raise KeyboardInterrupt


def test_installed_parts_are_run_by_name_and_give_what_objects_give(
    own: ModuleType, installed: dict[str, str], tmp_path: Path
) -> None:
    done = command(installed, "run", str(HERE / "own.toml"), "--out", str(tmp_path / "named"))
    assert done.returncode == 0, done.stderr
    whole = astraea.run(
        dataset=own.Blobs(classes=5),
        scenario={"clients": 12, "labels": "half-normal"},
        model="mlp",
        algorithm=own.Rings(clients_per_round=6, length=2),
        train={"rule": own.Decay(strength=0.01), "loss": own.Focal},
        rounds=6,
        out=tmp_path / "objects",
    )
    assert (tmp_path / "named" / "model.safetensors").read_bytes() == (
        tmp_path / "objects" / "model.safetensors"
    ).read_bytes()
    assert whole.summary["algorithm"] == "rings"
    assert whole.summary["accuracy_final"] > 0.3
    shown = command(installed, "settings", "algorithm").stdout
    assert 'algorithm = "rings"' in shown
    assert "algorithm.length = 3" in shown


@pytest.mark.parametrize("engine", ["serial", "processes"])
def test_they_survive_a_kill_to_the_same_bytes(own: ModuleType, tmp_path: Path, engine: str) -> None:
    settings = parse_settings(load_toml(HERE / "own.toml"))
    astraea.run(settings, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        astraea.run(settings, out=tmp_path / "killed", callbacks=[Killed()])
    astraea.run(out=tmp_path / "killed", resume=True, engine=engine)
    for file in ("model.safetensors", "metrics.jsonl"):
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_they_are_stacked(own: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = parse_settings(load_toml(HERE / "own.toml"))
    for engine in ("serial", "stacked"):
        astraea.run(settings, engine=engine, rounds=2, out=tmp_path / engine)
    assert "cannot be stacked" not in caplog.text
    one, other = (load_file(tmp_path / engine / "model.safetensors") for engine in ("serial", "stacked"))
    assert all(torch.allclose(one[name], other[name], atol=1e-5) for name in one)


def test_a_mediator_rule_groups_by_size(own: ModuleType) -> None:
    from astraea.balance import schedule_mediators

    assert schedule_mediators([[5, 0], [1, 1], [9, 9], [0, 3]], 2, rule="by-size") == [[1, 3], [0, 2]]
    result = astraea.run(
        dataset="blobs", algorithm={"mediators": own.BySize(), "clients_per_round": 6, "capacity": 3}, rounds=1
    )
    assert result.history[0]["chains"] == 2


def test_a_controller_is_known_and_holds_its_window(own: ModuleType) -> None:
    from astraea.congestion import Controller
    from astraea.congestion.connection.record import rows
    from astraea.congestion.controllers.controller import state_of
    from astraea.congestion.simulator.state import FLOW

    steady: Any = Controller.of({"name": "steady", "window": 30})
    connection, state = rows(1, FLOW)[0], rows(1, state_of(own.Steady))[0]
    state.window = steady.window
    own.Steady.events.start(connection, state, 0)
    assert connection.cwnd == 30


def test_a_configuration_of_paths_needs_trust(tmp_path: Path) -> None:
    config = tmp_path / "paths.toml"
    config.write_text('rounds = 1\nalgorithm = "own_file:Rings"\nscenario = { clients = 12 }\n')
    (tmp_path / "own_file.py").write_text((HERE / "own_parts.py").read_text().replace('name="', 'name="file-'))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    refused = command(environment, "run", str(config), "--out", str(tmp_path / "r"))
    assert refused.returncode == 1
    assert "algorithm 'own_file:Rings' is code that this configuration names" in refused.stderr
    trusted = command(environment, "run", str(config), "--trust", "--out", str(tmp_path / "r"))
    assert trusted.returncode == 0, trusted.stderr
    typed = command(environment, "run", "--set", "train.loss=own_file:Focal", "--set", "rounds=1", "--dry-run")
    assert typed.returncode == 0, typed.stderr
    with pytest.raises(InputError, match="is code that this configuration names"):
        parse_settings({"train": {"rule": {"name": "own_file:Decay"}}})


def test_the_how_to_runs() -> None:
    page = (HERE.parents[1] / "docs" / "how-to" / "own-parts.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL))
    exec(compile(code, "own-parts.md", "exec"), {"__name__": "own_parts_page"})
    assert parse_settings({"train": {"loss": {"name": "focal", "gamma": 1.0}}}).train.loss.model_dump() == {
        "gamma": 1.0
    }
    for base in re.findall(
        r"`(astraea\.[\w.]+\.\w+)`", page[page.index("| kind | base |") : page.index("A part is frozen")]
    ):
        module, _, name = base.rpartition(".")
        assert issubclass(getattr(import_module(module), name), Part)
