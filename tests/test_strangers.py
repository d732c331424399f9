"""Configurations and folders of strangers: whatever code they name, nothing of it is imported, called or executed."""

from __future__ import annotations

import inspect
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from typer.testing import CliRunner

import astraea
from astraea.cli.app import app
from astraea.congestion.evaluation import records
from astraea.congestion.policy import load_policy, shipped_policy
from astraea.errors import AstraeaError
from astraea.experiment.comparison import load_comparison
from astraea.experiment.run import run
from astraea.experiment.settings import RunSettings, load_toml, parse_settings
from astraea.files import write_tensors
from astraea.parts import Part, Settings
from astraea.reading import read_tensors

MODULE = "planted_by_a_stranger"
PLANTED = f"{MODULE}:Net"
RUN: dict[str, Any] = {
    "rounds": 1,
    "scenario": {"clients": 3, "samples": 60},
    "model": {"name": "mlp", "options": {"hidden": []}},
    "algorithm": {"name": "fedavg", "clients_per_round": 2},
}


def parts_of(settings: type[Settings], prefix: str = "") -> Iterator[str]:
    """Yield the key of every part in ``settings``, those of sections included."""
    for name, field in settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Part):
            yield f"{prefix}{name}"
        elif isinstance(kind, type) and issubclass(kind, Settings):
            yield from parts_of(kind, f"{prefix}{name}.")


INSIDE: dict[str, tuple[Any, dict[str, Any]]] = {  # parts within parts: what stands there, and what else is needed
    "algorithm.mediators": (
        PLANTED,
        {
            "algorithm": {
                "name": "astraea",
                "clients_per_round": 2,
                "capacity": 2,
                "local_epochs": 1,
                "mediator_epochs": 2,
            }
        },
    ),
    "evaluation.metrics": ([PLANTED], {}),
    "network.congestion": (PLANTED, {"network": {"name": "cross-silo"}}),
}
KEYS = [*sorted(parts_of(RunSettings)), *INSIDE]


@pytest.fixture
def unimported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder, the current one, with a module that holds a true model, and whose import leaves a trace."""
    (tmp_path / f"{MODULE}.py").write_text(
        "from pathlib import Path\nfrom torch import nn\nPath('imported').touch()\n"
        "class Net(nn.Linear):\n    def __init__(self, shape, classes):\n        super().__init__(shape[0], classes)\n"
    )
    sys.modules.pop(MODULE, None)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    assert MODULE not in sys.modules
    assert not (tmp_path / "imported").exists()


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(AstraeaError) as caught:
        work()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def command(*line: str) -> tuple[int, str]:
    """Return how a command ended, and what it said on standard error."""
    old: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in inspect.signature(CliRunner).parameters else {}
    done = CliRunner(**old).invoke(app, list(line), env={"COLUMNS": "200"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stderr


def configuration(folder: Path, key: str, name: str = PLANTED) -> Path:
    """Return a configuration in which ``key`` names what was planted."""
    value, more = INSIDE.get(key, ({"name": name}, {}))
    tables = json.loads(json.dumps({**RUN, **more}))
    section = tables
    *above, last = key.split(".")
    for step in above:
        section = section.setdefault(step, {})
    section[last] = value
    path = folder / "strange.toml"
    path.write_text(tomli_w.dumps(tables))
    return path


@pytest.mark.parametrize("key", KEYS)
def test_no_part_that_a_configuration_names_is_imported(unimported: Path, key: str) -> None:
    tables = load_toml(configuration(unimported, key))
    told = refused(lambda: run(parse_settings(tables)))
    assert f"'{PLANTED}'" in told
    assert "is code that this configuration names" in told or key == "network.congestion"


@pytest.mark.parametrize("key", ["model", "train.loss", "algorithm.mediators"])
def test_no_command_imports_what_a_configuration_names(unimported: Path, key: str) -> None:
    config = str(configuration(unimported, key))
    for line in (
        ("run", config, "--out", "r"),
        ("run", config, "--dry-run"),
        ("compare", config, "--arms", "fedavg", "--seeds", "1", "--match-rounds", "--out", "c"),
        ("plan", config),
        ("network", "show", "edge", config),
        ("scenario", config),
    ):
        code, told = command(*line)
        if line[0] == "scenario" and key == "model":  # who holds what does not depend on the model
            assert code == 0, told
        else:
            assert (code, f"'{PLANTED}' is code that this configuration names" in told) == (1, True), (line, told)


@pytest.mark.parametrize("name", ["os:system", "os.system", f"{MODULE}:Net", f"{MODULE}.Net"])
def test_whatever_the_path_nothing_is_imported(unimported: Path, name: str) -> None:
    config = str(configuration(unimported, "model", name))
    for line in (("run", config, "--out", "r"), ("run", config, "--dry-run")):
        code, told = command(*line)
        assert (code, f"'{name}' is code" in told) == (1, True), told


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "r"
    astraea.run(out=folder, **RUN)
    return folder


@pytest.mark.parametrize("where", ["name", "given"])
def test_a_model_that_a_run_folder_names_is_imported_by_nothing(unimported: Path, run_folder: Path, where: str) -> None:
    folder, study = unimported / "r", unimported / "study"
    shutil.copytree(run_folder, folder)
    planted = (folder / "config.toml").read_text()
    if where == "name":
        before = planted
        planted = planted.replace('[model]\nname = "mlp"', f'[model]\nname = "{PLANTED}"').replace("\nhidden = []", "")
        assert planted != before
    else:
        planted = f'given = {{ model = "{PLANTED}" }}\n' + planted.replace("[given]\n", "")
    (folder / "config.toml").write_text(planted)
    shutil.copytree(folder, study / "fedavg" / "seed-0")
    facts = {"arms": ["fedavg"], "seeds": [0], "samples": None, "rates": {"fedavg": 0.1}, "searched": {},
             "schedules": {}}  # fmt: skip
    (study / "comparison.json").write_text(json.dumps(facts))

    for work in (
        lambda: astraea.load(folder),
        lambda: astraea.load_result(folder),
        lambda: astraea.run(out=folder, resume=True),
    ):
        assert PLANTED.partition(":")[0] in refused(work)
    for line in (("run", "--out", "r", "--resume"), ("run", "r/config.toml", "--dry-run"), ("export", "r")):
        code, told = command(*line)
        assert code == 1, (line, told)
        assert MODULE in told, (line, told)
    for line in (("report", "r"), ("report", "study"), ("scenario", "r/config.toml")):
        code, told = command(*line)  # they draw what is written, for which no model is needed
        assert code in (0, 1, 2), (line, told)
    load_comparison(study)


def test_a_policy_that_names_code_is_a_policy_or_none(unimported: Path) -> None:
    path = unimported / "policy.safetensors"
    shipped_policy().save(path)
    notes, tensors = read_tensors(path)
    for key in (*notes, "trained_by", "arm", "controller", "import"):
        write_tensors(path, tensors, {**notes, key: PLANTED})
        if key in ("format", "header"):
            refused(lambda: load_policy(path))
        else:
            load_policy(path)
    for line in (
        ("congestion", "policy", str(path)),
        ("congestion", "evaluate", "loss", "--arms", "policy", "--policy", str(path), "--worlds", "1", "--seeds", "1"),
    ):
        write_tensors(path, tensors, {**notes, "header": PLANTED})
        code, told = command(*line)
        assert code == 1, (line, told)


def test_a_training_and_an_evaluation_that_name_code(unimported: Path) -> None:
    folder = unimported / "law"
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps({"trainer": PLANTED, "families": [PLANTED]}))
    code, told = command("congestion", "train", "--recipe", "law", "--resume", "--out", "law", "--generations", "1")
    assert code == 1, told
    outcome = {"suite": PLANTED, "case": "a", "arm": PLANTED, "seed": 0, "key": "k", "conditions": {"mbps": 1.0},
               "values": {"jain": 1.0}, "seconds": 0.1}  # fmt: skip
    (unimported / "outcomes.jsonl").write_text(json.dumps(outcome) + "\n")
    assert records.read(unimported / "outcomes.jsonl")[0].arm == PLANTED
    (unimported / "evaluation.json").write_text(
        json.dumps({"conditions": "", "seeds": [0], "arms": [{"name": PLANTED, "controller": PLANTED}], "notes": [],
                    "suites": {}})
    )  # fmt: skip
    assert command("report", str(unimported))[0] == 0
