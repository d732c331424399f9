"""A network on two columns of a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn


def _points(partition: int, partitions: int) -> tuple[Any, Any]:
    """Three clouds of points; each partition has most of one of them."""
    rng = np.random.default_rng(partition)
    y = np.concatenate([np.full(24, partition % 3), rng.integers(0, 3, 12)])
    return rng.standard_normal((36, 2)) + 4 * np.eye(3)[y][:, :2], y


def load_data(partition: int, partitions: int) -> dict[str, Any]:
    x, y = _points(partition, partitions)
    return {"age": x[:, 0].tolist(), "income": x[:, 1].tolist(), "label": y.tolist()}


def build() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def initial() -> dict[str, Any]:
    return build().state_dict()


def train(model: nn.Module, table: dict[str, Any], lr: float, epochs: int) -> float:
    x, y = torch.tensor([table["age"], table["income"]]).T, torch.tensor(table["label"])
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    return float(loss.detach())
