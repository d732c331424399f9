"""A federation small enough to be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from astraea.data.dataset import Samples
from astraea.federation.clients import Population
from astraea.federation.plan import Chain, ChainState, LocalTraining, RoundPlan, Visit


class Constant(nn.Module):
    """Logits that do not look at the input: a bias for each class, 0 at first."""

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bias.expand(len(x), -1)


@pytest.fixture
def constant() -> Constant:
    return Constant()


@pytest.fixture
def three_clients() -> Population:
    """Client 0 holds two samples of class 0, client 1 one of class 1, client 2 one of each."""
    y = np.array([0, 0, 1, 0, 1])
    rows = [np.array([0, 1]), np.array([2]), np.array([3, 4])]
    return Population.from_samples(Samples(np.zeros((5, 1), np.float32), y), rows, classes=2)


@pytest.fixture
def plan_of() -> Callable[..., RoundPlan]:
    """A plan over chains given as lists of clients, with plain gradient descent at rate 1."""

    def plan(*chains: list[int], params: torch.Tensor | None = None, **training: object) -> RoundPlan:
        settings = {"epochs": 1, "batch_size": 10, "optimizer": "SGD", "lr": 1.0} | training
        start = torch.zeros(2) if params is None else params
        return RoundPlan(
            round=0,
            seed=0,
            start=ChainState(start, torch.empty(0, dtype=torch.int64)),
            chains=tuple(Chain(n, tuple(Visit(c) for c in chain)) for n, chain in enumerate(chains)),
            training=LocalTraining(**settings),  # type: ignore[arg-type]
        )

    return plan
