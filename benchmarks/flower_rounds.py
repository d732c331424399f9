"""What a round costs on Flower, Astraea beside FedAvg on the same engine: python benchmarks/flower_rounds.py.

Both train the same clients for the same client epochs: FedAvg in chains of one visit, Astraea in longer ones, so
that what differs is how often models are handed over. Prints the median milliseconds of a round without the first,
the ratio to FedAvg, and the ratio to the serial engine. ``--simulation`` adds Flower's simulation, on Ray.
``--deployment`` measures a small federation with a real SuperLink and SuperNodes over TLS instead, on this machine
(Linux, a version of Flower that the deployment test knows), and prints where the time of an exchange goes.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

import numpy as np
import torch
from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from astraea.data.dataset import Samples
from astraea.experiment.prepare import Experiment, prepare
from astraea.experiment.settings import parse_settings
from astraea.federation.loop import Callback, Run, train
from astraea.federation.models import build_model
from astraea.flower import AstraeaStrategy, InProcessGrid, client_app, initial_arrays

HERE = Path(__file__).parent


class Size(NamedTuple):
    """How large a federation is: ``cohort`` of ``clients`` a round, Astraea in chains of ``capacity`` visits."""

    rounds: int
    clients: int
    cohort: int
    capacity: int

    def algorithm(self, name: str) -> dict[str, Any]:
        """Return the settings of an algorithm."""
        own = {
            "fedavg": {"local_epochs": 1},
            "astraea": {"capacity": self.capacity, "mediator_epochs": 1},
        }[name]
        return {"name": name, "clients_per_round": self.cohort, **own}


ALGORITHMS = ("fedavg", "astraea")
SIMULATED = Size(rounds=8, clients=20, cohort=10, capacity=5)
DEPLOYED = Size(rounds=4, clients=4, cohort=4, capacity=2)


class Clock(Callback):
    """Notes when each round ends."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def after_round(self, run: Run) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


class App:
    """The federation of one algorithm, for the loop and for Flower."""

    def __init__(self, algorithm: str, size: Size) -> None:
        self.size = size
        self.one: Experiment = prepare(
            parse_settings(
                {
                    "rounds": size.rounds,
                    "scenario": {"clients": size.clients, "labels": "half-normal"},
                    "algorithm": size.algorithm(algorithm),
                    "balance": {"rebalancing": "none"},
                    "model": {"name": "mlp"},
                }
            )
        )
        scenario = self.one.scenario
        self.samples = [scenario.train.take(rows) for rows in scenario.clients]

    def model(self) -> torch.nn.Module:
        """Return the model, with its initial weights."""
        return build_model(self.one.settings.model, self.one.scenario.train.x.shape[1:], self.one.classes, 0)

    def data(self, context: Context) -> Samples:
        """Return a client's samples."""
        return self.samples[int(context.node_config["partition-id"])]

    def loop(self, engine: Any = None) -> list[float]:
        """Return when the rounds of the local loop end."""
        clock, one = Clock(), self.one
        run = Run(one.algorithm.init(*one.model.read()))
        train(run, one.algorithm, engine or one.engine, one.population, one.budget, seed=0, callbacks=[clock])
        return clock.times

    def strategy(self, grid: Grid) -> list[float]:
        """Return when the rounds of the strategy end."""
        times: list[float] = []
        settings = self.one.settings
        strategy = AstraeaStrategy(
            algorithm=settings.algorithm,
            balance=settings.balance,
            train=settings.train,
            min_available_nodes=self.size.clients,
            fraction_evaluate=0.0,
        )

        def note(round_: int, arrays: Any) -> None:
            if round_:  # Flower also measures the model before the first round
                times.append(time.perf_counter())

        strategy.start(grid, initial_arrays(self.model()), self.size.rounds, evaluate_fn=note)
        return times

    def app(self, **options: Any) -> Any:
        """Return the ClientApp."""
        return client_app(self.model, self.data, self.one.classes, **options)


def serial(app: App) -> list[float]:
    """The local loop on the serial engine."""
    return app.loop()


def in_process(app: App) -> list[float]:
    """The strategy on the in-process grid."""
    return app.strategy(InProcessGrid(app.app(), app.size.clients))


def simulation_waves(app: App) -> list[float]:
    """The strategy on Flower's simulation: one message a visit."""
    from flwr.simulation import run_simulation

    server, times = ServerApp(), []

    @server.main()
    def main(grid: Grid, context: Context) -> None:
        times.extend(app.strategy(grid))

    run_simulation(server, app.app(), app.size.clients, backend_config={"init_args": {"num_cpus": 2}})
    return times


def simulation_chains(app: App) -> list[float]:
    """The Flower engine on Flower's simulation: one message a chain."""
    from astraea.flower.simulation import FlowerEngine

    engine = FlowerEngine(app.model(), workers=2)
    try:
        return app.loop(engine)
    finally:
        engine.close()


def deployed(names: Mapping[str, Path]) -> None:
    """Run each algorithm by name on one real deployment, which leaves its notes in a folder of its own."""
    sys.path.insert(0, str(HERE.parent / "tests" / "flower"))
    from deployment import Deployment

    os.environ["PYTHONPATH"] = str(HERE)  # the app imports this file
    with (
        tempfile.TemporaryDirectory() as folder,
        Deployment(Path(folder), DEPLOYED.clients, app=HERE / "flower_app") as running,
    ):
        for algorithm, notes in names.items():
            notes.mkdir()
            running.run(algorithm=algorithm, notes=str(notes))
            running.wait_until((notes / "server.json").exists, 1800, f"the end of {algorithm}")


def parts(notes: Path) -> list[float]:
    """Return mean seconds of an exchange: until a visit's process begins, until it trains, training, and back.

    Their sum is the exchange; those of the first round are left out.
    """
    server = json.loads((notes / "server.json").read_text())
    exchanges = server["exchanges"][len(server["exchanges"]) // DEPLOYED.rounds :]
    visits = [json.loads(path.read_text()) for path in notes.glob("visit-*.json")]
    found = [
        (began - sent, entered - began, left - entered, received - left)
        for sent, received in exchanges
        for began, entered, left in visits
        if sent <= entered <= received
    ]
    return [float(value) for value in np.mean(found, axis=0)]


class Table:
    """Rounds of each engine and algorithm, printed as they are measured."""

    def __init__(self) -> None:
        self._medians: dict[tuple[str, str], float] = {}
        print(f"{'engine':24}{'algorithm':12}{'ms a round':>12}{'to FedAvg':>12}{'to serial':>12}")

    def add(self, engine: str, algorithm: str, times: list[float]) -> None:
        """Print the line of rounds that ended at ``times``."""
        own = self._medians[engine, algorithm] = statistics.median(np.diff(times).tolist()) * 1000
        fedavg, local = self._medians[engine, "fedavg"], self._medians["serial engine", algorithm]
        print(f"{engine:24}{algorithm:12}{own:12.1f}{own / fedavg:12.2f}{own / local:12.2f}", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulation", action="store_true", help="also measure Flower's simulation (needs Ray)")
    parser.add_argument("--deployment", action="store_true", help="measure a SuperLink and SuperNodes instead")
    given = parser.parse_args()
    size = DEPLOYED if given.deployment else SIMULATED
    engines: dict[str, Callable[[App], list[float]]] = {"serial engine": serial, "in-process grid": in_process}
    if given.simulation:
        engines |= {"simulation, strategy": simulation_waves, "simulation, engine": simulation_chains}
    logging.getLogger("flwr").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    table = Table()
    for engine, measure in engines.items():
        for algorithm in ALGORITHMS:
            table.add(engine, algorithm, measure(App(algorithm, size)))
    if given.deployment:
        with tempfile.TemporaryDirectory() as folder:
            notes = {algorithm: Path(folder) / algorithm for algorithm in ALGORITHMS}
            deployed(notes)
            for algorithm, path in notes.items():
                table.add("deployment", algorithm, json.loads((path / "server.json").read_text())["rounds"])
            print(
                f"\n{'s of an exchange':24}{'to the node':>12}{'its start':>12}{'training':>12}{'back':>12}{'sum':>12}"
            )
            for algorithm, path in notes.items():
                own = parts(path)
                print(f"{algorithm:24}" + "".join(f"{value:12.2f}" for value in [*own, sum(own)]))


if __name__ == "__main__":
    main()
