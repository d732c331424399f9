from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.runner import RUNNER
from typer.testing import Result

from astraea.cli.app import app

SMALL = ["--set", "scenario.clients=4", "--set", "scenario.samples=120", "--set", "algorithm.clients_per_round=4"]
FEW = [*SMALL, "--clients", "2,4", "--capacity", "2", "--epochs", "1", "--passes", "1", "--timed", "1"]


def cli(*arguments: str) -> Result:
    return RUNNER.invoke(app, list(arguments), env={"COLUMNS": "140"})


def test_plan_tells_and_writes_what_ends_soonest(tmp_path: Path) -> None:
    best = tmp_path / "best.toml"

    shown = cli("plan", "--network", "edge", *FEW, "--out", str(best))
    told = json.loads(cli("plan", "--network", "edge", *FEW, "--json").stdout)

    assert shown.exit_code == 0, shown.output
    assert "samples are processed on edge, cubic, sharing fair" in " ".join(shown.stdout.split())
    first = told["plans"][0]
    assert f"clients_per_round = {first['clients']}" in best.read_text()
    assert first["seconds"] == min(row["seconds"] for row in told["plans"])


def test_a_configuration_that_names_code_is_planned_with_trust_alone(tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text('rounds = 1\ntrain.loss = "astraea.balance.losses:CrossEntropy"\n')
    line = ("plan", str(config), "--network", "edge", "--arms", "fedavg", *FEW)

    refused, planned = cli(*line), cli(*line, "--trust")

    assert (refused.exit_code, planned.exit_code) == (1, 0), planned.output
    assert "is imported only if you trust it: add --trust" in " ".join(refused.stderr.split())


def test_plan_ranks_finished_runs(tmp_path: Path) -> None:
    out = str(tmp_path / "r")
    assert cli("run", *SMALL, "--set", "rounds=1", "--out", out).exit_code == 0

    told = json.loads(cli("plan", "--network", "edge", "--accuracy-of", out, "--json").stdout)

    assert {row["placement"] for row in told["plans"]} == {"server", "sites", "clients"}
    assert all(row["rounds"] == 1 for row in told["plans"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--clients", "ten"], "--clients 'ten' is not whole numbers apart by commas"),
        (["--target", "0.8"], "name them with --accuracy-of"),
        (["--accuracy-of", "nowhere"], "nowhere holds no run"),
        (["--accuracy-of", "nowhere", "--out", "x.toml"], "leave out --accuracy-of"),
        (["--network", "edg"], "there is no network 'edg'; did you mean 'edge'?"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], sentence: str) -> None:
    shown = cli("plan", *arguments)

    assert shown.exit_code == 1
    assert sentence in " ".join(shown.stderr.split())
