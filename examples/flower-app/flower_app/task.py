"""What is learned, and from what: the digits that come with scikit-learn, divided unevenly among clients.

A real deployment replaces ``load_client`` by whatever reads the client's own data; nothing else knows of it.
"""

from __future__ import annotations

from functools import lru_cache

from flwr.app import Context
from torch import nn

from astraea.data.catalogue import load_dataset
from astraea.data.dataset import Samples
from astraea.data.scenario import Scenario, build_scenario

CLASSES = 10


def build_model() -> nn.Module:
    """Return a small multilayer perceptron for images of 8 x 8 pixels."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, CLASSES))


@lru_cache(maxsize=1)
def load_scenario(clients: int, seed: int) -> Scenario:
    """Return who holds which of the digits: classes follow a half-normal curve, and no two clients are alike."""
    return build_scenario(load_dataset("digits"), seed=seed, clients=clients, labels="half-normal")


def load_client(context: Context) -> Samples:
    """Return the training samples of the client that ``context`` belongs to."""
    scenario = load_scenario(int(context.run_config["clients"]), int(context.run_config["seed"]))
    return scenario.train.take(scenario.clients[int(context.node_config["partition-id"])])


def load_test(context: Context) -> Samples:
    """Return the samples on which the server measures the model."""
    return load_scenario(int(context.run_config["clients"]), int(context.run_config["seed"])).test
