"""The same rounds by Flower's simulation; model and data are made once for each of its worker processes."""

from __future__ import annotations

import functools
import json
import logging
import os
import time
from typing import Any

import torch
from flwr.app import ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation
from torch.nn import functional

from contenders.work import accuracy, build, load

client = ClientApp()


@functools.cache
def _workplace() -> Any:
    config = json.loads(os.environ["ASTRAEA_BENCH"])
    x, y, clients, _, _ = load(config)
    return config, build(config["model"]), torch.from_numpy(x).float() / 255, torch.from_numpy(y), clients


@client.train()
def train(message: Message, context: Any) -> Message:
    config, model, images, labels, clients = _workplace()
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"])
    rows = torch.from_numpy(clients[context.node_config["partition-id"]])
    for batch in rows[torch.randperm(len(rows))].split(config["batch"]):
        optimizer.zero_grad()
        functional.cross_entropy(model(images[batch]), labels[batch]).backward()
        optimizer.step()
    content = {"arrays": ArrayRecord(model.state_dict()), "metrics": MetricRecord({"num-examples": len(rows)})}
    return Message(content=RecordDict(content), reply_to=message)


def serve(config: dict[str, Any], turns: Any) -> None:
    logging.disable(logging.CRITICAL)
    os.environ["ASTRAEA_BENCH"] = json.dumps(config)
    server = ServerApp()

    @server.main()
    def main(grid: Any, context: Any) -> None:
        _, _, _, test_x, test_y = load(config)
        model = build(config["model"])
        arrays = ArrayRecord(model.state_dict())
        strategy = FedAvg(
            fraction_train=config["cohort"] / config["clients"],
            fraction_evaluate=0.0,
            min_train_nodes=config["cohort"],
            min_available_nodes=config["clients"],
        )
        for _ in turns:
            began = time.perf_counter()
            arrays = strategy.start(grid=grid, initial_arrays=arrays, num_rounds=1).arrays
            seconds = time.perf_counter() - began
            model.load_state_dict(arrays.to_torch_state_dict())
            turns.report(seconds, accuracy=accuracy(model, test_x, test_y))

    run_simulation(
        server_app=server,
        client_app=client,
        num_supernodes=config["clients"],
        backend_config={"client_resources": {"num_cpus": config["client_cpus"], "num_gpus": 0.0}},
    )
