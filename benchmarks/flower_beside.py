"""Rounds of Astraea beside those of Flower's FedAvg, in turns, on the same nodes: python benchmarks/flower_beside.py.

50 clients on Flower's simulation, on Ray, with two processes; with ``--deployment`` four SuperNodes and a SuperLink
over TLS instead (Linux, a version of Flower that the deployment test knows). Every client takes part in every round,
and works for 20 ms of CPU time. Astraea trains in chains of one visit, so that its messages are those of FedAvg, and in
longer ones. Prints median seconds of a round, and the median of its ratio to the FedAvg round before it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copy
from typing import Any

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
os.environ.setdefault("RAY_worker_niceness", "0")  # else Ray's processes get nothing on a machine that others use

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

HERE = Path(__file__).parent
SIMULATED, DEPLOYED = (50, 10), (4, 2)  # clients, and visits of a chain
_WORK = 0.02  # seconds of a visit

_APP = """
[project]
name = "flower-beside"
version = "1.0.0"
dependencies = ["flwr>=1.22"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.flwr.app]
publisher = "astraea"

[tool.flwr.app.components]
serverapp = "flower_beside:server"
clientapp = "flower_beside:client"

[tool.flwr.app.config]
clients = 4
visits = 2
repeats = 3
notes = ""
"""

server = ServerApp()
client = ClientApp()


@client.train()
def train(message: Message, context: Context) -> Message:
    """Work for a while and add 1 to the model."""
    began, square = time.process_time(), np.ones((64, 64))
    while time.process_time() - began < _WORK:
        square = square @ square / 64
    arrays = {name: Array(value.numpy() + 1) for name, value in message.content.array_records["arrays"].items()}
    content = RecordDict({"arrays": ArrayRecord(arrays), "metrics": MetricRecord({"num-examples": 5})})
    return Message(content, reply_to=message)


@server.main()
def main(grid: Grid, context: Context) -> None:
    """Write to the file ``notes`` what the rounds of each strategy took."""
    told = context.run_config
    clients, visits, repeats = (int(told[name]) for name in ("clients", "visits", "repeats"))
    next(rounds(grid, clients, visits))  # in which processes start
    found = [dict(rounds(grid, clients, visits)) for _ in range(repeats)]
    notes = Path(str(told["notes"]))
    notes.with_suffix(".partial").write_text(json.dumps(found))
    notes.with_suffix(".partial").replace(notes)


def rounds(grid: Grid, clients: int, visits: int) -> Iterator[tuple[str, float]]:
    """Yield what a round takes with each strategy, in seconds."""
    from astraea.flower import AstraeaStrategy

    plain: dict[str, Any] = {
        "balance": {"rebalancing": "none"},
        "train": {"loss": "cross-entropy"},
        "fraction_evaluate": 0.0,
        "min_available_nodes": clients,
        "min_train_nodes": clients,
    }
    chains = {"mediators": "random", "capacity": visits, "mediator_epochs": 1}
    strategies: dict[str, Callable[[], FedAvg]] = {
        "Flower's FedAvg": lambda: FedAvg(fraction_evaluate=0.0, min_available_nodes=clients),
        "Astraea, chains of 1": lambda: AstraeaStrategy(algorithm={"name": "fedavg"}, **plain),
        f"Astraea, chains of {visits}": lambda: AstraeaStrategy(algorithm=chains, **plain),
    }
    for name, make in strategies.items():
        start, began = ArrayRecord({"w": Array(np.zeros(10_000, np.float32))}), time.monotonic()
        make().start(grid, start, 1)
        seconds = time.monotonic() - began
        print(f"{name}: {seconds:.1f} s", file=sys.stderr, flush=True)
        yield name, seconds


def simulated(notes: Path, clients: int, visits: int, repeats: int) -> None:
    """Measure on Flower's simulation."""
    from flwr.simulation import run_simulation

    run = ServerApp()

    @run.main()
    def on(grid: Grid, context: Context) -> None:
        context.run_config |= {"clients": clients, "visits": visits, "repeats": repeats, "notes": str(notes)}
        main(grid, context)

    start = {"num_cpus": 2, "include_dashboard": False, "log_to_driver": False, "_node_ip_address": "127.0.0.1"}
    backend: Any = {"init_args": start, "client_resources": {"num_cpus": 1, "num_gpus": 0.0}}
    run_simulation(run, client, clients, backend_config=backend)


def deployed(notes: Path, clients: int, visits: int, repeats: int) -> None:
    """Measure on a SuperLink and SuperNodes."""
    sys.path.insert(0, str(HERE.parent / "tests" / "flower"))
    from deployment import Deployment

    app = notes.parent / "app"
    app.mkdir()
    copy(__file__, app)
    (app / "pyproject.toml").write_text(_APP)
    with Deployment(notes.parent / "deployment", clients, app=app) as running:
        running.run(clients=clients, visits=visits, repeats=repeats, notes=str(notes))
        running.wait_until(notes.exists, 3600, "the rounds")


def table() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deployment", action="store_true", help="measure a SuperLink and SuperNodes instead")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of each strategy")
    given = parser.parse_args()
    logging.getLogger("flwr").setLevel(logging.ERROR)
    measure, size = (deployed, DEPLOYED) if given.deployment else (simulated, SIMULATED)
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes.json"
        measure(notes, *size, given.repeats)
        found = json.loads(notes.read_text())
    print(f"{size[0]} clients, {len(found)} rounds of each")
    print(f"{'':24}{'s a round':>12}{'to FedAvg':>12}{'to its messages':>18}")
    for name in found[0]:
        own, (fedavg, messages) = np.array([one[name] for one in found]), list(found[0])[:2]
        ratios = [float(np.median(own / np.array([one[base] for one in found]))) for base in (fedavg, messages)]
        print(f"{name:24}{np.median(own):12.2f}{ratios[0]:12.2f}{ratios[1]:18.2f}")


if __name__ == "__main__":
    table()
