"""The model that goes by the samples' shape."""

from __future__ import annotations

from torch import nn

from astraea.federation.models.base import Model

__all__ = ["AutoModel"]


class AutoModel(Model, name="auto"):
    """By the samples' shape: the papers' for images, sequence-cnn for sequences, else mlp."""

    def build(self, shape: tuple[int, ...], classes: int) -> nn.Module:
        """Return the built-in model that fits."""
        if len(shape) == 3 and min(shape[1:]) >= 24:
            name = "keras-cifar-cnn" if shape[0] == 3 else "emnist-cnn"
        else:
            name = "sequence-cnn" if len(shape) == 2 and shape[1] >= 16 else "mlp"
        return Model.of(name).build(shape, classes)
