"""The same rounds by pfl."""

from __future__ import annotations

import time
from typing import Any

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
from torch import nn
from torch.nn import functional

from contenders.work import accuracy, build, load


class Learner(nn.Module):
    """The model with the loss that pfl asks it for."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.network = build(name)

    def loss(self, x: Any, y: Any) -> Any:
        self.train()
        return functional.cross_entropy(self.network(torch.as_tensor(x)), torch.as_tensor(y).long())

    def metrics(self, x: Any, y: Any) -> dict[str, Any]:
        return {}


class Training(FederatedAveraging):
    """FedAvg without the evaluation of clients before and after, which nobody else does either."""

    def get_next_central_contexts(self, *arguments: Any, **named: Any) -> Any:
        contexts, model, metrics = super().get_next_central_contexts(*arguments, **named)
        if contexts is not None:
            for context in contexts:
                object.__setattr__(context, "do_evaluation", False)
        return contexts, model, metrics


class Turning(TrainingProcessCallback):
    """Waits for its turn, works a round, and reports."""

    def __init__(self, turns: Any, test_x: Any, test_y: Any) -> None:
        self.turns, self.requests, self.test = turns, iter(turns), (test_x, test_y)

    def on_train_begin(self, *, model: Any) -> Metrics:
        self.wait()
        return Metrics()

    def after_central_iteration(self, metrics: Any, model: Any, *, central_iteration: int) -> tuple[bool, Metrics]:
        seconds = time.perf_counter() - self.began
        self.turns.report(seconds, accuracy=accuracy(model.pytorch_model.network, *self.test))
        return self.wait(), Metrics()

    def wait(self) -> bool:
        over = next(self.requests, self) is self
        self.began = time.perf_counter()
        return over


def serve(config: dict[str, Any], turns: Any) -> None:
    x, y, clients, test_x, test_y = load(config)
    images = x.astype("float32") / 255
    learner = Learner(config["model"])
    model = PyTorchModel(learner, torch.optim.SGD, torch.optim.SGD(learner.parameters(), lr=1.0))
    data = FederatedDataset(
        lambda user: Dataset((images[clients[user]], y[clients[user]])),
        get_user_sampler("random", list(range(len(clients)))),
    )
    parameters = NNTrainHyperParams(
        local_num_epochs=1, local_learning_rate=config["lr"], local_batch_size=config["batch"]
    )
    Training().run(
        NNAlgorithmParams(10**9, 10**9, config["cohort"], 0),
        SimulatedBackend(data, data),
        model,
        parameters,
        None,
        [Turning(turns, test_x, test_y)],
        send_metrics_to_platform=False,
    )
