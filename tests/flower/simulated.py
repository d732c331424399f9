"""Run as a program: the same federation on Flower's simulation, by the strategy and by the engine; prints digests.

A process of its own, since Ray leaves threads, sockets and settings behind.
"""

from __future__ import annotations

import hashlib
import json
import sys

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp
from flwr.simulation import run_simulation

import conftest
from astraea.experiment.prepare import prepare
from astraea.experiment.settings import parse_settings
from astraea.flower import initial_arrays
from astraea.flower.simulation import FlowerEngine


def main() -> None:
    """Print the digest of the model from the local engine, from the strategy and from the engine."""
    one = conftest.Federation(prepare(parse_settings(conftest.SETTINGS)))
    found = {"local": _digest(one.locally())}
    strategy, server = one.strategy(), ServerApp()

    @server.main()
    def serve(grid: Grid, context: Context) -> None:
        strategy.start(grid, initial_arrays(one.model()), num_rounds=2)

    clients = len(one.experiment.population)
    run_simulation(server, one.app(), clients, backend_config={"init_args": {"num_cpus": 2}})
    found["strategy"] = _digest(strategy.run)
    engine = FlowerEngine(one.model(), workers=2)
    one.experiment.engine.close()
    one.experiment.engine = engine
    found["engine"] = _digest(one.locally())
    engine.close()
    sys.stdout.write(json.dumps(found) + "\n")


def _digest(run: conftest.Run) -> str:
    return hashlib.sha256(run.state.params.numpy().tobytes()).hexdigest()


if __name__ == "__main__":
    main()
