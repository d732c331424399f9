"""A fixed classifier: a simplex equiangular tight frame as the final layer (FedETF: Li et al., ICCV 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from astraea.errors import InputError

__all__ = ["FixedClassifier", "fix_classifier"]

_SCALE = 10.0
"""Scale of the logits at first: with it a model that is sure of a class can say so."""


class FixedClassifier(nn.Module):
    """Logits of ``(B, features)``: a learnt ``scale`` times the cosines to ``classes`` fixed directions.

    The directions are a simplex equiangular tight frame, unit vectors of which any two have the cosine
    ``-1 / (classes - 1)``, as far apart as can be. A classifier trained on few samples of a class, or at clients that
    lack it, leans to the common classes; this one cannot lean. It is drawn from PyTorch's generator.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        frame, _ = torch.linalg.qr(torch.randn(features, classes))
        centred = frame - frame.mean(dim=1, keepdim=True)
        self.weight = nn.Parameter((classes / (classes - 1)) ** 0.5 * centred.T.contiguous(), requires_grad=False)
        self.scale = nn.Parameter(torch.tensor(_SCALE))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(B, classes)``."""
        return self.scale * nn.functional.linear(nn.functional.normalize(x, dim=-1), self.weight)


def fix_classifier(model: nn.Module, name: str, classes: int) -> None:
    """Put a fixed classifier in the place of the model's last linear layer with an output for each class.

    Raises :class:`InputError` if there is none, or if it has fewer inputs than classes.
    """
    layers = [
        (path, part)
        for path, part in model.named_modules()
        if path and isinstance(part, nn.Linear) and part.out_features == classes
    ]
    if not layers:
        raise InputError(
            f"model.head = 'etf' needs a last linear layer with an output for each of {classes} classes, and model "
            f"'{name}' has none: leave model.head out"
        )
    path, last = layers[-1]
    if last.in_features < classes or classes < 2:
        raise InputError(
            f"model.head = 'etf' needs two classes or more and as many features, and model '{name}' has "
            f"{last.in_features} for {classes}: leave model.head out"
        )
    owner, _, attribute = path.rpartition(".")
    setattr(model.get_submodule(owner), attribute, FixedClassifier(last.in_features, classes))
