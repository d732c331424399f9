"""The real thing: processes, sockets, TLS, keys, and machines that die."""

from __future__ import annotations

import copy
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")


from tests.flower.conftest import SETTINGS

from astraea.experiment.prepare import prepare
from astraea.experiment.settings import parse_settings
from astraea.federation.callbacks import latest_checkpoint, load_checkpoint
from astraea.federation.loop import Budget, Run, train

if TYPE_CHECKING:
    from deployment import Deployment

HERE = Path(__file__).parent
NODES, VICTIM = 4, 3
TIMEOUT = 600  # seconds of an exchange: a busy machine may need many for a visit, and a dead node is noticed sooner
PATIENCE = 1500


@pytest.fixture
def deployment(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    """The running deployment; the test's parameter, if it has one, says how many nodes are not started."""
    spec = importlib.util.spec_from_file_location("deployment", HERE / "deployment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["deployment"] = module
    spec.loader.exec_module(module)
    if not (module.SCRIPTS / "flower-superlink").exists() or not _has_http_superlink():
        pytest.skip("the commands and options of a SuperLink are those of flwr 1.41")
    with module.Deployment(tmp_path, NODES, late=getattr(request, "param", 0)) as running:
        yield running


def _has_http_superlink() -> bool:
    return importlib.util.find_spec("flwr.superlink.grid") is not None


def _rounds(folder: Path) -> int:
    latest = latest_checkpoint(folder)
    return 0 if latest is None else int(latest.stem.removeprefix("round-"))


def _replay(history: list[dict[str, Any]], budgets: list[int], app: Path) -> Run:
    """Train locally, with the clients away and the visits skipped that ``history`` tells of."""
    sys.path.insert(0, str(app))
    from flower_app.task import build_model

    sys.path.remove(str(app))
    torch.manual_seed(0)
    module = build_model()
    settings = {
        "scenario": {"clients": NODES, "labels": "half-normal"},
        "algorithm": SETTINGS["algorithm"] | {"clients_per_round": NODES, "mediator_epochs": 1},
        **{section: SETTINGS[section] for section in ("train", "balance", "server")},
    }
    one = prepare(parse_settings(settings), model=lambda: copy.deepcopy(module))
    present = [~np.isin(np.arange(NODES), line.get("away", [])) for line in history]
    failed = {(line["round"] - 1, skip["client"]) for line in history for skip in line.get("skipped", [])}
    now = 0

    class Clients:
        histograms, told = one.population.histograms, one.population.told

        def __len__(self) -> int:
            return NODES

        def __getitem__(self, client: int) -> Any:
            if (now, client) in failed:
                raise ValueError("dead")
            return one.population[client]

    def available(round_: int) -> Any:
        nonlocal now
        now = round_
        return present[round_]

    run = Run(one.algorithm.init(*one.model.read()))
    for budget in budgets:
        run.finished = False
        train(run, one.algorithm, one.engine, Clients(), Budget(budget), seed=0, availability=available)
    return run


@pytest.mark.slow
def test_a_federation_over_tls_survives_a_dead_node_and_a_restarted_superlink(
    deployment: Deployment, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    app = HERE.parents[1] / "examples" / "flower-app"
    run = deployment.run(num_server_rounds=3, checkpoint=str(checkpoint), timeout=TIMEOUT)
    deployment.wait_until(lambda: _rounds(checkpoint) >= 1, PATIENCE, "the first round")
    deployment.kill_in_visit(f"node-{VICTIM}", PATIENCE)
    deployment.wait_until(lambda: _rounds(checkpoint) >= 3, PATIENCE, "the third round")
    path = latest_checkpoint(checkpoint)
    assert path is not None
    done = load_checkpoint(path)
    # In which round that was, and whom a busy machine made Flower give up besides, the strategy's own record says.
    skipped = {skip["client"] for line in done.history for skip in line.get("skipped", [])}
    assert VICTIM in skipped
    assert "is skipped" in deployment.flwr("log", str(run), "tls", "--show")
    assert torch.equal(done.state.params, _replay(done.history, [3], app).state.params)
    assert done.history[-1]["flower_server"]["accuracy"] > done.history[0]["flower_server"]["accuracy"]

    # The SuperLink is started anew with the state on its disk: the nodes come back by themselves, the dead one
    # too, and a run with the same checkpoint goes on where the other stopped.
    deployment.kill("superlink")
    deployment.start_superlink()
    deployment.start_node(VICTIM)
    deployment.run(num_server_rounds=4, prolong=True, checkpoint=str(checkpoint), timeout=TIMEOUT)
    deployment.wait_until(lambda: _rounds(checkpoint) >= 4, PATIENCE, "the fourth round")
    path = latest_checkpoint(checkpoint)
    assert path is not None
    more = load_checkpoint(path)
    assert more.history[:3] == done.history
    assert torch.equal(more.state.params, _replay(more.history, [3, 4], app).state.params)
    clients = json.loads((checkpoint / "strategy.json").read_text())["clients"]
    assert [client["name"] for client in clients] == [0, 1, 2, 3]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="finds the ServerApp's process in /proc")
def test_a_server_app_that_was_killed_is_submitted_again_and_goes_on_as_if_nothing_had_been(
    deployment: Deployment, tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    config = {"num_server_rounds": 2, "checkpoint": str(checkpoint), "timeout": TIMEOUT}
    deployment.run(**config)
    deployment.wait_until(lambda: _rounds(checkpoint) == 1, PATIENCE, "the first round")
    deployment.kill_server_app()
    again = deployment.run(**config)
    deployment.wait_until(lambda: _rounds(checkpoint) == 2, PATIENCE, "the second round")
    assert "Resuming after round 1" in deployment.flwr("log", str(again), "tls", "--show")
    path = latest_checkpoint(checkpoint)
    assert path is not None
    done = load_checkpoint(path)
    app = HERE.parents[1] / "examples" / "flower-app"
    assert torch.equal(done.state.params, _replay(done.history, [2], app).state.params)


@pytest.mark.slow
@pytest.mark.parametrize("deployment", [1], indirect=True)
def test_a_node_that_comes_late_takes_part_from_the_next_round_on(deployment: Deployment, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"

    def history() -> list[dict[str, Any]]:
        latest = latest_checkpoint(checkpoint)
        return [] if latest is None else load_checkpoint(latest).history

    # More rounds than it takes: the run ends with the deployment.
    deployment.run(num_server_rounds=500, wait_for=NODES - 1, checkpoint=str(checkpoint), timeout=TIMEOUT)
    deployment.wait_until(lambda: _rounds(checkpoint) >= 1, PATIENCE, "the first round")
    deployment.start_node(NODES - 1)
    deployment.wait_until(lambda: bool(history()) and history()[-1]["clients"] == NODES, PATIENCE, "the late node")
    assert history()[0]["clients"] == NODES - 1
    clients = json.loads((checkpoint / "strategy.json").read_text())["clients"]
    assert [client["name"] for client in clients] == [0, 1, 2, 3]  # who was there before keeps its number
