from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from astraea.errors import InputError, RunError
from astraea.experiment.reached import kept_runs, time_to_accuracy
from astraea.experiment.run import run
from astraea.experiment.settings import parse_settings

SMALL: dict[str, Any] = {
    "rounds": 4,
    "data": {"name": "digits"},
    "scenario": {"clients": 6, "samples": 240},
    "algorithm": {"name": "astraea", "clients_per_round": 4, "capacity": 2, "local_epochs": 1, "mediator_epochs": 2},
    "network": {"name": "edge", "congestion": "bbr"},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    base = tmp_path_factory.mktemp("runs")
    fedavg = {**SMALL, "algorithm": {"name": "fedavg", "clients_per_round": 4, "local_epochs": 1}, "network": {}}
    for name, tables in (("astraea", SMALL), ("fedavg", fedavg), ("fedavg-1", {**fedavg, "seed": 1})):
        run(parse_settings(tables), out=base / name)
    return [base / name for name in ("astraea", "fedavg", "fedavg-1")]


def test_code_that_a_folder_names_is_imported_with_trust_alone(runs: list[Path], tmp_path: Path) -> None:
    strange = tmp_path / "strange"
    shutil.copytree(runs[1], strange)
    config = strange / "config.toml"
    text = config.read_text().replace('loss = "auto"', 'loss = "astraea.balance.losses:CrossEntropy"')
    assert text != config.read_text()
    config.write_text(text)

    with pytest.raises(InputError, match="is imported only if you trust it: add --trust"):
        kept_runs([strange])
    assert kept_runs([strange], trust=True)[0].settings.train.loss.name == "cross-entropy"


def test_rounds_of_a_finished_run_end_when_the_run_counted(runs: list[Path]) -> None:
    kept = kept_runs(runs[:1])[0]
    lines = [json.loads(line) for line in (runs[0] / "metrics.jsonl").read_text().splitlines()]

    ends = kept.ends(kept.settings.network.load(), "bbr", "fair")

    assert ends == pytest.approx([line["simulated_seconds"] for line in lines])
    assert kept.accuracy == tuple((line["round"], line["accuracy"]) for line in lines)
    assert sum(plan.bytes_sent for plan in kept.plans) < lines[-1]["bytes_sent"]  # at the server: no hop to a site


def test_plans_are_ranked_by_the_time_to_an_accuracy(runs: list[Path]) -> None:
    reached = time_to_accuracy(runs, "cross-silo", placement=("server", "clients"))

    finals = [json.loads((one / "summary.json").read_text())["accuracy_final"] for one in runs]
    assert reached.target == min(finals)
    assert [(row.plan.algorithm, row.placement) for row in reached.rows if row.plan.algorithm == "fedavg"] == [
        ("fedavg", "server")
    ]
    assert {row.placement for row in reached.rows if row.plan.algorithm == "astraea"} == {"server", "clients"}
    seconds = [row.seconds for row in reached.rows]
    assert seconds == sorted(seconds)
    fedavg = next(row for row in reached.rows if row.plan.algorithm == "fedavg")
    members = kept_runs(runs[1:])
    ends = [one.ends(reached.network, "cubic", "fair") for one in members]
    when = [next(n for n, accuracy in one.accuracy if accuracy >= reached.target) for one in members]
    assert fedavg.runs == 2
    assert fedavg.seconds == pytest.approx(np.mean([end[n - 1] for end, n in zip(ends, when, strict=True)]))
    assert fedavg.final == pytest.approx(np.mean(finals[1:]))


def test_an_accuracy_that_is_never_reached_is_told(runs: list[Path]) -> None:
    row = time_to_accuracy(runs[1:2], "cross-silo", target=1.0).rows[0]

    assert row.seconds == float("inf")
    assert row.plain()["seconds"] is None
    assert row.plain()["algorithm"] == "fedavg"
    assert "never" in str(time_to_accuracy(runs[1:2], "cross-silo", target=1.0))


def test_a_run_in_few_bits_is_another_plan_and_has_a_mediator(runs: list[Path], tmp_path: Path) -> None:
    algorithm = {**SMALL["algorithm"], "bits": 4}
    packed = tmp_path / "packed"
    run(parse_settings({**SMALL, "algorithm": algorithm, "network": {}}), out=packed)

    reached = time_to_accuracy([runs[0], packed], "edge", target=0.01)

    found = {(row.run, row.plan.bits, row.placement) for row in reached.rows}
    assert found == {("astraea", 32, place) for place in ("server", "sites", "clients")} | {("packed", 4, "server")}
    assert {row.runs for row in reached.rows} == {1}
    at_server = {row.run: row.seconds for row in reached.rows if row.placement == "server"}
    assert at_server["packed"] < at_server["astraea"]
    with pytest.raises(InputError, match="timed with mediators at the server alone: leave 'clients' out"):
        time_to_accuracy([packed], "edge", placement=("clients",))
    run(parse_settings({**SMALL, "rounds": 1, "algorithm": algorithm}), out=tmp_path / "at sites")
    with pytest.raises(InputError, match="does not tell how large its models are"):
        time_to_accuracy([tmp_path / "at sites"], "edge")


def test_runs_of_other_settings_are_not_taken_for_other_seeds(runs: list[Path], tmp_path: Path) -> None:
    fedavg = {**SMALL, "algorithm": {"name": "fedavg", "clients_per_round": 4, "local_epochs": 1}, "network": {}}
    run(parse_settings({**fedavg, "seed": 2, "balance": {"rebalancing": "mean-power"}}), out=tmp_path / "copies")

    rows = time_to_accuracy([*runs[1:], tmp_path / "copies"], "cross-silo").rows

    assert {(row.run, row.runs) for row in rows} == {("fedavg", 2), ("copies", 1)}


def test_folders_that_cannot_be_compared_are_refused(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        time_to_accuracy([tmp_path], "edge")
    with pytest.raises(InputError, match="no run is named"):
        time_to_accuracy([], "edge")
    with pytest.raises(InputError, match="it is a share above 0 and at most 1"):
        time_to_accuracy(runs[:1], "edge", target=80)
    run(parse_settings({**SMALL, "rounds": 1, "scenario": {"clients": 5, "samples": 200}}), out=tmp_path / "other")
    with pytest.raises(InputError, match="are runs on different scenarios"):
        time_to_accuracy([runs[0], tmp_path / "other"], "edge")
