"""ResNet-8 for small images, the model of the field's long-tailed benchmarks (He et al., CVPR 2016, section 4.2)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from astraea.federation.models.base import Model

__all__ = ["ResNet8", "ResNet8Model"]


class Block(nn.Module):
    """Two 3 × 3 convolutions beside a shortcut, which is a 1 × 1 convolution where shapes differ."""

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inside, width, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        same = inside == width and stride == 1
        projection = nn.Conv2d(inside, width, 1, stride, bias=False)
        self.shortcut = nn.Identity() if same else nn.Sequential(projection, nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """Return what the block makes of ``x``."""
        result: Tensor = nn.functional.relu(self.body(x) + self.shortcut(x))
        return result


class ResNet8(nn.Module):
    """Three blocks of ``width``, ``2 width`` and ``4 width`` channels, for images. Output logits ``(B, classes)``."""

    def __init__(self, shape: tuple[int, ...], classes: int, width: int = 64) -> None:
        super().__init__()
        channels, *_ = shape
        stem = [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        blocks = [Block(width, width, 1), Block(width, 2 * width, 2), Block(2 * width, 4 * width, 2)]
        self.features = nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(4 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        logits: Tensor = self.classifier(self.features(x))
        return logits


class ResNet8Model(Model, name="resnet-8"):
    """ResNet-8 with BatchNorm, for images: 1.2 million parameters at the width of CReFF (Shang et al., IJCAI 2022)."""

    width: int = Field(64, ge=1, description="Channels of the first block; He et al. have 16.")

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Return the network."""
        return ResNet8(shape, classes, self.width)
