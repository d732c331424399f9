"""FedAvg in a bare PyTorch loop, the way one would write it down: one process, PyTorch's own threads."""

from __future__ import annotations

import copy
import time
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from contenders.work import accuracy, build, finished, load


def serve(config: dict[str, Any], turns: Any) -> None:
    x, y, clients, test_x, test_y = load(config)
    device = config["device"]
    images, labels = (torch.from_numpy(x).float() / 255).to(device), torch.from_numpy(y).to(device)
    shared, local = build(config["model"]).to(device), build(config["model"]).to(device)
    rng = np.random.default_rng(0)
    for _ in turns:
        began = time.perf_counter()
        total = {name: torch.zeros_like(value) for name, value in shared.state_dict().items()}
        for client in rng.choice(len(clients), config["cohort"], replace=False):
            local.load_state_dict(copy.deepcopy(shared.state_dict()))
            local.train()
            optimizer = torch.optim.SGD(local.parameters(), lr=config["lr"])
            rows = torch.from_numpy(rng.permutation(clients[client]))
            for batch in rows.split(config["batch"]):
                optimizer.zero_grad()
                functional.cross_entropy(local(images[batch]), labels[batch]).backward()
                optimizer.step()
            for name, value in local.state_dict().items():
                total[name] += value
        shared.load_state_dict({name: value / config["cohort"] for name, value in total.items()})
        finished(device)
        seconds = time.perf_counter() - began
        turns.report(seconds, accuracy=accuracy(shared, test_x, test_y))
