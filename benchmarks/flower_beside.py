"""Rounds of Astraea beside those of Flower's FedAvg, in turns, on the same nodes: python benchmarks/flower_beside.py.

50 clients on Flower's simulation, on Ray, with two processes; with ``--deployment`` four SuperNodes and a SuperLink
over TLS instead (Linux, a version of Flower that the deployment test knows). Every client takes part in every round,
and works for 20 ms of CPU time. Astraea trains in chains of one visit, so that its messages are those of FedAvg, and in
longer ones. Prints median seconds of the second round of a run, the CPU time that a message costs the server, Flower's
own part of it included (on a deployment that of the ServerApp and the SuperLink, but for what they take while nothing
happens), and the medians of the ratios to the FedAvg round before it.
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
from functools import partial
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
_IDLE = 15.0  # seconds in which nothing happens on a deployment, but that nodes ask for messages

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
megabytes = 0.04
superlink = 0
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
    clients, visits, repeats, superlink = (int(told[name]) for name in ("clients", "visits", "repeats", "superlink"))
    given = grid, clients, visits, float(told["megabytes"]), partial(_spent, superlink, _idle(superlink))
    dict(rounds(*given))  # in which processes start, and modules are loaded
    found = [dict(rounds(*given)) for _ in range(repeats)]
    notes = Path(str(told["notes"]))
    notes.with_suffix(".partial").write_text(json.dumps(found))
    notes.with_suffix(".partial").replace(notes)


def rounds(
    grid: Grid, clients: int, visits: int, megabytes: float, spent: Callable[[], float]
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield what a second round takes with each strategy: seconds, and CPU milliseconds a message of ``spent()``."""
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
    size = int(megabytes * 1e6 / 40)
    for name, make in strategies.items():
        start = ArrayRecord({f"w{place}": Array(np.zeros(size, np.float32)) for place in range(10)})
        marks: list[tuple[float, float]] = []
        make().start(grid, start, 2, evaluate_fn=lambda *_, marks=marks: marks.append((time.monotonic(), spent())))
        seconds, cpu = np.subtract(marks[2], marks[1]).tolist()
        cpu *= 1000 / clients
        print(f"{name}: {seconds:.1f} s, {cpu:.1f} ms", file=sys.stderr, flush=True)
        yield name, (seconds, cpu)


def _spent(superlink: int, idle: float = 0.0) -> float:
    """Return the CPU seconds of this process and of the process ``superlink`` (of Linux), unless that is 0.

    Less ``idle`` CPU seconds a second of the clock.
    """
    own = time.process_time() - idle * time.monotonic()
    if not superlink:
        return own
    fields = Path(f"/proc/{superlink}/stat").read_text().rpartition(")")[2].split()
    return own + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _idle(superlink: int) -> float:
    """Return the CPU seconds a second that the processes of a deployment take while nothing happens."""
    if not superlink:
        return 0.0
    before = _spent(superlink)
    time.sleep(_IDLE)
    return (_spent(superlink) - before) / _IDLE


def simulated(notes: Path, clients: int, **told: Any) -> None:
    """Measure on Flower's simulation."""
    from flwr.simulation import run_simulation

    run = ServerApp()

    @run.main()
    def on(grid: Grid, context: Context) -> None:
        context.run_config |= {"clients": clients, "superlink": 0, "notes": str(notes), **told}
        main(grid, context)

    start = {"num_cpus": 2, "include_dashboard": False, "log_to_driver": False, "_node_ip_address": "127.0.0.1"}
    backend: Any = {"init_args": start, "client_resources": {"num_cpus": 1, "num_gpus": 0.0}}
    run_simulation(run, client, clients, backend_config=backend)


def deployed(notes: Path, clients: int, **told: Any) -> None:
    """Measure on a SuperLink and SuperNodes."""
    sys.path.insert(0, str(HERE.parent / "tests" / "flower"))
    from deployment import Deployment

    app = notes.parent / "app"
    app.mkdir()
    copy(__file__, app)
    (app / "pyproject.toml").write_text(_APP)
    with Deployment(notes.parent / "deployment", clients, app=app) as running:
        running.run(clients=clients, superlink=running.processes["superlink"].pid, notes=str(notes), **told)
        running.wait_until(notes.exists, 3600, "the rounds")


def table() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deployment", action="store_true", help="measure a SuperLink and SuperNodes instead")
    parser.add_argument("--repeats", type=int, default=5, help="rounds of each strategy")
    parser.add_argument("--megabytes", type=float, default=0.04, help="size of the model")
    given = parser.parse_args()
    logging.getLogger("flwr").setLevel(logging.ERROR)
    measure, (clients, visits) = (deployed, DEPLOYED) if given.deployment else (simulated, SIMULATED)
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes.json"
        measure(notes, clients, visits=visits, repeats=given.repeats, megabytes=given.megabytes)
        found = json.loads(notes.read_text())
    print(f"{clients} clients, {len(found)} rounds of each, a model of {given.megabytes:g} MB")
    print(f"{'':24}{'s a round':>12}{'to FedAvg':>12}{'to its messages':>18}{'CPU ms a message':>20}{'to FedAvg':>12}")
    fedavg, messages = (np.array([one[name] for one in found]) for name in list(found[0])[:2])
    for name in found[0]:
        own = np.array([one[name] for one in found])
        (seconds, cpu), to_fedavg = np.median(own, axis=0), np.median(own / fedavg, axis=0)
        to_messages = np.median(own / messages, axis=0)
        print(f"{name:24}{seconds:12.2f}{to_fedavg[0]:12.2f}{to_messages[0]:18.2f}{cpu:20.1f}{to_fedavg[1]:12.2f}")


if __name__ == "__main__":
    table()
