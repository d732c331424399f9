"""Rounds of clients that do nothing, by pfl: each gives a copy of the model back, which is summed up."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from pfl.aggregate.simulate import SimulatedBackend
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.callback.base import TrainingProcessCallback
from pfl.data.dataset import Dataset
from pfl.data.federated_dataset import FederatedDataset
from pfl.data.sampling import get_user_sampler
from pfl.hyperparam.base import NNTrainHyperParams
from pfl.metrics import Metrics
from pfl.model.pytorch import PyTorchModel
from pfl.stats import MappedVectorStatistics


class Flat(torch.nn.Module):
    """A model that is one vector."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.vector = torch.nn.Parameter(torch.zeros(size))

    def loss(self, *_: Any) -> None:
        """Never asked for."""

    def metrics(self, *_: Any) -> None:
        """Never asked for."""


class Idle(FederatedAveraging):
    """Clients that train for no epoch at all."""

    def simulate_one_user(self, model: Any, user_dataset: Any, central_context: Any) -> Any:
        copies = {name: value.detach().clone() for name, value in model.variable_map.items()}
        return MappedVectorStatistics(copies, weight=1), Metrics()


class Turning(TrainingProcessCallback):
    """Waits for its turn, works the rounds of it, and reports."""

    def __init__(self, turns: Any, rounds: int) -> None:
        self.turns, self.each, self.left = turns, rounds, 0
        self.requests = iter(turns)

    def on_train_begin(self, *, model: Any) -> Metrics:
        self.wait()
        return Metrics()

    def after_central_iteration(self, metrics: Any, model: Any, *, central_iteration: int) -> tuple[bool, Metrics]:
        self.left -= 1
        if self.left == 0:
            self.turns.report(
                (time.perf_counter() - self.began) / self.each, cpu=(time.process_time() - self.used) / self.each
            )
            return self.wait(), Metrics()
        return False, Metrics()

    def wait(self) -> bool:
        """Return whether there will be no further turn."""
        over = next(self.requests, self) is self
        self.left, self.began, self.used = self.each, time.perf_counter(), time.process_time()
        return over


def serve(config: dict[str, Any], turns: Any) -> None:
    module = Flat(config["size"])
    model = PyTorchModel(module, torch.optim.SGD, torch.optim.SGD(module.parameters(), lr=1.0))
    users = {user: Dataset((np.zeros((1, 1), np.float32), np.zeros(1, np.int64))) for user in range(config["clients"])}
    data = FederatedDataset(users.__getitem__, get_user_sampler("random", list(users)))
    Idle().run(
        NNAlgorithmParams(10**9, 10**9, config["cohort"], 0),
        SimulatedBackend(data, data),
        model,
        NNTrainHyperParams(local_num_epochs=1, local_learning_rate=0.1, local_batch_size=None),
        None,
        [Turning(turns, config["rounds"])],
        send_metrics_to_platform=False,
    )
