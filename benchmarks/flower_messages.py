"""What a message costs Astraea's server on Flower, beside FedAvg's: python benchmarks/flower_messages.py.

Ten clients in the same process send back what they get, so that all that is measured is the server's: CPU time without
the clients', and peak memory. The first round, in which memory is taken for the first time, has a column of its own.
Flower's transport, which costs both the same and more than either, is left out.
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


def server_cost(strategy: str, megabytes: float, rounds: int) -> tuple[float, float, float]:
    """Return what the server costs with 10 clients that send back.

    CPU milliseconds a message in ``rounds`` rounds after the first, the same in the first, and peak memory in GB.
    """
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
    last = {**chains, "returns": "last"}
    strategies: dict[str, Callable[[], FedAvg]] = {
        "Flower's FedAvg": lambda: FedAvg(fraction_evaluate=0.0),
        "chains of one": lambda: AstraeaStrategy(algorithm={"name": "fedavg"}, **plain),
        "chains of five": lambda: AstraeaStrategy(algorithm=chains, **plain),
        "returning the last": lambda: AstraeaStrategy(algorithm=last, **plain),
        "without a defence": lambda: AstraeaStrategy(algorithm=last, server={"defence": "finite"}, **plain),
    }
    rng = np.random.default_rng(0)
    strategies[strategy]().start(InProcessGrid(app, 10), ArrayRecord({"w": Array(np.zeros(1, np.float32))}), 1)
    made, spent = strategies[strategy](), 0.0  # what is loaded once is loaded now
    start = ArrayRecord({f"w{i}": Array(rng.standard_normal(size, np.float32)) for i in range(10)})
    before, marks = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, []
    made.start(
        InProcessGrid(app, 10),
        start,
        1 + rounds,
        evaluate_fn=lambda *_: marks.append(time.process_time() - spent),
    )
    first, *later = np.diff(marks) * 100
    return float(np.mean(later)), float(first), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e6


def main(repeats: int = 3) -> None:
    """Print the costs of a message, each measured in a process of its own, and strategies in turns."""
    columns = "".join(f"{name:>16}{'to FedAvg':>11}" for name in ("ms a message", "in round 1", "GB"))
    print(f"{'MB':>6} {'strategy':18}{columns}")
    names = ("Flower's FedAvg", "chains of one", "chains of five", "returning the last", "without a defence")
    for megabytes, rounds in ((0.1, 30), (6.6, 10), (45.0, 4)):
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in names}
        for name in names * repeats:
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                found[name].append(pool.submit(server_cost, name, megabytes, rounds).result())
        medians = {name: np.median(costs, axis=0) for name, costs in found.items()}
        for name, costs in medians.items():
            pairs = zip(costs, costs / medians[names[0]], strict=True)
            row = "".join(f"{cost:16.2f}{ratio:11.2f}" for cost, ratio in pairs)
            print(f"{megabytes:6} {name:18}{row}", flush=True)


if __name__ == "__main__":
    main()
