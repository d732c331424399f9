"""Rounds of clients that do nothing, by Flower's simulation: each gives a new array back."""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation

client = ClientApp()


@client.train()
def idle(message: Message, context: Any) -> Message:
    (array,) = message.content["arrays"].to_numpy_ndarrays()
    content = RecordDict({"arrays": ArrayRecord([array + 0]), "metrics": MetricRecord({"num-examples": 1})})
    return Message(content=content, reply_to=message)


def serve(config: dict[str, Any], turns: Any) -> None:
    logging.disable(logging.CRITICAL)
    server = ServerApp()

    @server.main()
    def main(grid: Any, context: Any) -> None:
        strategy = FedAvg(
            fraction_train=config["cohort"] / config["clients"],
            fraction_evaluate=0.0,
            min_train_nodes=config["cohort"],
            min_available_nodes=config["clients"],
        )
        arrays = ArrayRecord([np.zeros(config["size"], np.float32)])
        for _ in turns:
            began = time.perf_counter()
            strategy.start(grid=grid, initial_arrays=arrays, num_rounds=config["rounds"])
            turns.report((time.perf_counter() - began) / config["rounds"])

    run_simulation(
        server_app=server,
        client_app=client,
        num_supernodes=config["clients"],
        backend_config={"client_resources": {"num_cpus": config["client_cpus"], "num_gpus": 0.0}},
    )
