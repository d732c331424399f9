"""What a message costs Astraea's server on Flower, beside FedAvg's: python benchmarks/flower_messages.py.

Ten clients in the same process send back what they get, so that all that is measured is the server's: CPU time without
the clients', and peak memory, after a round that is not counted. Flower's transport, which costs both the same and more
than either, is left out.
"""

from __future__ import annotations

import logging
import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")

import numpy as np
import torch
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp.strategy import FedAvg

from astraea.flower import AstraeaStrategy, InProcessGrid


def server_cost(strategy: str, megabytes: float, rounds: int) -> tuple[float, float]:
    """Return CPU milliseconds a message at the server, and its peak memory in GB, with 10 clients that send back."""
    logging.getLogger("flwr").setLevel(logging.ERROR)
    torch.set_num_threads(1)
    size, app, spent = int(megabytes * 1e6 / 40), ClientApp(), 0.0

    @app.train()
    def echo(message: Message, context: Context) -> Message:
        nonlocal spent
        began = time.process_time()
        arrays = {
            name: Array(array.dtype, array.shape, array.stype, bytes(bytearray(array.data)))
            for name, array in message.content.array_records["arrays"].items()
        }
        content = RecordDict({"arrays": ArrayRecord(arrays), "metrics": MetricRecord({"num-examples": 5})})
        reply = Message(content, reply_to=message)
        spent += time.process_time() - began
        return reply

    plain: Any = {"balance": {"rebalancing": "none"}, "train": {"loss": "cross-entropy"}, "fraction_evaluate": 0.0}
    chains = {"mediators": "random", "capacity": 5, "mediator_epochs": 1}
    strategies: dict[str, Callable[[], FedAvg]] = {
        "Flower's FedAvg": lambda: FedAvg(fraction_evaluate=0.0),
        "chains of one": lambda: AstraeaStrategy(algorithm={"name": "fedavg"}, **plain),
        "chains of five": lambda: AstraeaStrategy(algorithm=chains, **plain),
    }
    rng = np.random.default_rng(0)
    strategies[strategy]().start(InProcessGrid(app, 10), ArrayRecord({"w": Array(np.zeros(1, np.float32))}), 1)
    made, spent = strategies[strategy](), 0.0  # what is loaded once is loaded now
    start = ArrayRecord({f"w{i}": Array(rng.standard_normal(size, np.float32)) for i in range(10)})
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    made.start(InProcessGrid(app, 10), start, rounds)
    cost = (time.process_time() - began - spent) / rounds / 10
    return cost * 1000, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e6


def main(repeats: int = 3) -> None:
    """Print the costs of a message, each measured in a process of its own, and strategies in turns."""
    print(f"{'MB':>6} {'strategy':18}{'ms a message':>14}{'to FedAvg':>12}{'GB':>8}{'to FedAvg':>12}")
    names = ("Flower's FedAvg", "chains of one", "chains of five")
    for megabytes, rounds in ((0.1, 30), (6.6, 10), (45.0, 4)):
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        for name in names * repeats:
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                found[name].append(pool.submit(server_cost, name, megabytes, rounds).result())
        medians = {name: np.median(costs, axis=0) for name, costs in found.items()}
        for name, (cost, memory) in medians.items():
            ratios = medians[name] / medians[names[0]]
            print(f"{megabytes:6} {name:18}{cost:14.1f}{ratios[0]:12.2f}{memory:8.2f}{ratios[1]:12.2f}", flush=True)


if __name__ == "__main__":
    main()
