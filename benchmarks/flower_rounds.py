"""What a round costs on Flower, Astraea beside FedAvg on the same engine: python benchmarks/flower_rounds.py.

Both train the same clients for the same client epochs: FedAvg in chains of one visit, Astraea in chains of five,
so that what differs is how often models are handed over. Prints the median milliseconds of a round without the
first, the ratio to FedAvg, and the ratio to the serial engine. ``--simulation`` adds Flower's simulation, on Ray.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

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

ROUNDS, CLIENTS, COHORT, CAPACITY = 8, 20, 10, 5
ALGORITHMS: dict[str, dict[str, Any]] = {
    "fedavg": {"name": "fedavg", "clients_per_round": COHORT, "local_epochs": 1},
    "astraea": {"name": "astraea", "clients_per_round": COHORT, "capacity": CAPACITY, "mediator_epochs": 1},
}


class Clock(Callback):
    """Notes when each round ends."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def after_round(self, run: Run) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())


class App:
    """The federation of one algorithm, for the loop and for Flower."""

    def __init__(self, algorithm: str) -> None:
        self.one: Experiment = prepare(
            parse_settings(
                {
                    "rounds": ROUNDS,
                    "scenario": {"clients": CLIENTS, "labels": "half-normal"},
                    "algorithm": ALGORITHMS[algorithm],
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
            algorithm=settings.algorithm, balance=settings.balance, train=settings.train, fraction_evaluate=0.0
        )
        strategy.start(
            grid, initial_arrays(self.model()), ROUNDS, evaluate_fn=lambda *_: times.append(time.perf_counter())
        )
        return times

    def app(self) -> Any:
        """Return the ClientApp."""
        return client_app(self.model, self.data, self.one.classes)


def serial(app: App) -> list[float]:
    """The local loop on the serial engine."""
    return app.loop()


def in_process(app: App) -> list[float]:
    """The strategy on the in-process grid."""
    return app.strategy(InProcessGrid(app.app(), CLIENTS))


def simulation_waves(app: App) -> list[float]:
    """The strategy on Flower's simulation: one message a visit."""
    from flwr.simulation import run_simulation

    server, times = ServerApp(), []

    @server.main()
    def main(grid: Grid, context: Context) -> None:
        times.extend(app.strategy(grid))

    run_simulation(server, app.app(), CLIENTS, backend_config={"init_args": {"num_cpus": 2}})
    return times


def simulation_chains(app: App) -> list[float]:
    """The Flower engine on Flower's simulation: one message a chain."""
    from astraea.flower.simulation import FlowerEngine

    engine = FlowerEngine(app.model(), workers=2)
    try:
        return app.loop(engine)
    finally:
        engine.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulation", action="store_true", help="also measure Flower's simulation (needs Ray)")
    engines: dict[str, Callable[[App], list[float]]] = {"serial engine": serial, "in-process grid": in_process}
    if parser.parse_args().simulation:
        engines |= {"simulation, strategy": simulation_waves, "simulation, engine": simulation_chains}
    logging.getLogger("flwr").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    medians: dict[tuple[str, str], float] = {}
    print(f"{'engine':24}{'algorithm':12}{'ms a round':>12}{'to FedAvg':>12}{'to serial':>12}")
    for engine, measure in engines.items():
        for algorithm in ALGORITHMS:
            times = np.diff(measure(App(algorithm)))
            medians[engine, algorithm] = statistics.median(times.tolist()) * 1000
            own = medians[engine, algorithm]
            print(
                f"{engine:24}{algorithm:12}{own:12.1f}{own / medians[engine, 'fedavg']:12.2f}"
                f"{own / medians['serial engine', algorithm]:12.2f}"
            )


if __name__ == "__main__":
    main()
