"""The model and the data of the training benchmark, the same objects for every contender."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def build(name: str) -> nn.Module:
    """Return the model with the same first weights in every process."""
    torch.manual_seed(0)
    if name == "cifar":  # pfl's CIFAR-10 benchmark, 1.63 million parameters
        return nn.Sequential(
            nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
            nn.Flatten(), nn.Linear(64 * 14 * 14, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
        )  # fmt: skip
    return nn.Sequential(  # the Astraea papers' EMNIST model
        nn.Conv2d(1, 12, 5, stride=2), nn.ReLU(), nn.Conv2d(12, 18, 3, stride=2), nn.ReLU(), nn.Dropout(0.5),
        nn.Conv2d(18, 24, 2), nn.ReLU(), nn.Flatten(), nn.Linear(24 * 4 * 4, 150), nn.ReLU(), nn.Linear(150, 10),
    )  # fmt: skip


def load(config: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, list[np.ndarray], Tensor, Tensor]:
    """Return images (uint8) and labels, each client's rows, and test images (floats) and labels."""
    with np.load(config["data"]) as data:
        rows = np.split(np.arange(config["clients"] * config["held"]), config["clients"])
        return (
            data["x"],
            data["y"],
            rows,
            torch.from_numpy(data["test_x"]).float() / 255,
            torch.from_numpy(data["test_y"]),
        )


def finished(device: str) -> None:
    """Wait for what was given to ``device``: a clock that is read before that tells nothing."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return the share of test images that the model gets right."""
    model.eval()
    with torch.no_grad():
        device = next(model.parameters()).device
        return float((model(x.to(device)).argmax(1) == y.to(device)).float().mean())
