"""Small models for data of any shape."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import Field
from torch import Tensor, nn

from astraea.federation.models.base import Model

__all__ = ["MLP", "MLPModel", "SequenceCNN", "SequenceCNNModel"]


class MLP(nn.Module):
    """Fully connected layers with ReLU, for samples of any shape. Output logits ``(B, classes)``."""

    def __init__(self, shape: tuple[int, ...], classes: int, hidden: Sequence[int] = (128,)) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        width = math.prod(shape)
        for size in hidden:
            layers += [nn.Linear(width, size), nn.ReLU()]
            width = size
        self.layers = nn.Sequential(*layers, nn.Linear(width, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits; integers are taken as numbers."""
        logits: Tensor = self.layers(x if x.is_floating_point() else x.float())
        return logits


class SequenceCNN(nn.Module):
    """Two convolutions over time, for sensor data ``(B, channels, time)``. Output logits ``(B, classes)``."""

    def __init__(self, shape: tuple[int, ...], classes: int, width: int = 32) -> None:
        super().__init__()
        channels, _ = shape
        self.layers = nn.Sequential(
            nn.Conv1d(channels, width, 7, padding=3),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(width, 2 * width, 5, padding=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool1d(8),
            nn.Flatten(),
            nn.Linear(16 * width, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        logits: Tensor = self.layers(x)
        return logits


class MLPModel(Model, name="mlp"):
    """Fully connected layers with ReLU, for samples of any shape."""

    hidden: tuple[int, ...] = Field((128,), description="Width of each hidden layer.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Return the network."""
        return MLP(shape, classes, self.hidden)


class SequenceCNNModel(Model, name="sequence-cnn"):
    """Two convolutions over time, for sensor data."""

    width: int = Field(32, ge=1, description="Channels of the first convolution; the second has twice as many.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Return the network."""
        return SequenceCNN(shape, classes, self.width)
