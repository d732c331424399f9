"""The two models of the papers (Duan et al., ICCD 2019, section IV; TPDS 2021, section 5)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from astraea.federation.models.base import Model

__all__ = ["EmnistCNN", "EmnistCNNModel", "KerasCifarCNN", "KerasCifarCNNModel"]


class EmnistCNN(nn.Module):
    """The papers' EMNIST model: three small convolutions and one hidden layer.

    With 28×28 grey images and 47 classes it has the 68,873 parameters that the papers state. ReLU after each
    convolution is our reading; the papers do not name an activation there. Input ``(B, C, H, W)``, at least
    17×17; output logits ``(B, classes)``.
    """

    def __init__(self, shape: tuple[int, ...], classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        channels, height, width = shape
        self.features = nn.Sequential(
            nn.Conv2d(channels, 12, 5, stride=2),
            nn.ReLU(),
            nn.Conv2d(12, 18, 3, stride=2),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv2d(18, 24, 2),
            nn.ReLU(),
            nn.Flatten(),
        )
        flat = 24 * _after(height) * _after(width)
        self.classifier = nn.Sequential(nn.Linear(flat, 150), nn.ReLU(), nn.Linear(150, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        logits: Tensor = self.classifier(self.features(x))
        return logits


def _after(side: int) -> int:
    side = (side - 5) // 2 + 1
    side = (side - 3) // 2 + 1
    return side - 1


class KerasCifarCNN(nn.Module):
    """The CIFAR-10 model of the Keras documentation, which the papers use for CINIC-10.

    Four 3×3 convolutions, the first of each pair padded, pooling and dropout after each pair, a hidden layer
    of 512. With 32×32 colour images and 10 classes it has 1,250,858 parameters. Input ``(B, C, H, W)``;
    output logits ``(B, classes)``.
    """

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        channels, height, width = shape

        def pair(inputs: int, outputs: int) -> list[nn.Module]:
            return [
                nn.Conv2d(inputs, outputs, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(outputs, outputs, 3),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Dropout(0.25),
            ]

        self.features = nn.Sequential(*pair(channels, 32), *pair(32, 64), nn.Flatten())
        flat = 64 * (((height - 2) // 2 - 2) // 2) * (((width - 2) // 2 - 2) // 2)
        self.classifier = nn.Sequential(nn.Linear(flat, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        logits: Tensor = self.classifier(self.features(x))
        return logits


class EmnistCNNModel(Model, name="emnist-cnn"):
    """The papers' model for characters: 68,873 parameters for 47 classes."""

    dropout: float = Field(0.5, ge=0, lt=1, description="Share of activations that dropout sets to 0.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Return the network."""
        return EmnistCNN(shape, classes, self.dropout)


class KerasCifarCNNModel(Model, name="keras-cifar-cnn"):
    """The papers' model for colour images, from Keras's examples."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Return the network."""
        return KerasCifarCNN(shape, classes)
