"""Class centres: features are drawn to the mean of their class, and decorrelated (FedLF: Lu et al., ACML 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from astraea.errors import InputError
from astraea.federation.rule import LocalRule, VisitContext

__all__ = ["ClassCentred", "decorrelation", "margin"]

_NOBODY = 1e-8
"""Every number of the centre of a class that the client lacks, as in the official code."""


class ClassCentred(LocalRule, name="class-centred"):
    """Features near the mean of their class and far from others', and decorrelated; SGD on the loss with both.

    Continuous class centred optimisation and feature decorrelation of FedLF (Lu et al., ACML 2024; official code,
    ``local_train``). Features are what enters the final linear layer. Centres are their means by class over the
    client's samples, taken as the model arrives. The distances to all centres, negated, are logits of a cross-entropy,
    in which the distance to the own centre counts as longer by the largest distance of two centres, at most
    ``most_margin``. Nothing travels but the model.

    With the loss ``local-scaling`` it is FedLF, but for two things: theirs takes centres of samples that are varied at
    random, with the model in training mode, here samples are as they are and the model is in evaluation mode; theirs
    leaves the final layer's bias out of the scaled logits.
    """

    reads_features: ClassVar[bool] = True

    weight: float = Field(0.01, ge=0, allow_inf_nan=False, description="Weight of the loss of distances to centres.")
    decorrelate: float = Field(0.01, ge=0, allow_inf_nan=False, description="Weight of the features' correlation.")
    most_margin: float = Field(100.0, ge=0, allow_inf_nan=False, description="Longest margin of the own class.")

    def prepare(self, features: Tensor, targets: Tensor, context: VisitContext) -> Mapping[str, Tensor]:
        """Return the ``centres`` of classes ``(N, d)``, and the ``margin`` ``()``.

        Raises :class:`InputError` if nobody counted the client's classes.
        """
        if context.histogram is None:
            raise InputError("train.rule 'class-centred' needs the client's label histogram, and it is not known")
        classes = len(context.histogram)
        held = torch.bincount(targets, minlength=classes).to(features)[:, None]
        sums = features.new_zeros(classes, features.shape[1]).index_add_(0, targets, features)
        centres = torch.where(held > 0, sums / held.clamp(min=1), _NOBODY)
        return {"centres": centres, "margin": margin(centres).clamp(max=self.most_margin)}

    def objective(self, logits: Tensor, targets: Tensor, context: VisitContext) -> Tensor:
        """Return the loss, and what it gains with the features of the batch ``(B, d)``.

        Raises :class:`InputError` without features.
        """
        if context.features is None:
            raise InputError("train.rule 'class-centred' needs features, and nobody gave them")
        centres = context.prepared["centres"]
        # A distance of 0 has no gradient: the root begins a little above it.
        squared = (context.features[:, None] - centres).square().sum(dim=2)
        apart = (squared + 1e-12).sqrt()
        own = functional.one_hot(targets, len(centres)).to(apart)
        centred = functional.cross_entropy(-(apart + own * context.prepared["margin"]), targets)
        plain = super().objective(logits, targets, context)
        return plain + self.weight * centred + self.decorrelate * decorrelation(context.features)


def margin(centres: Tensor) -> Tensor:
    """Return the largest distance between two of the ``centres`` ``(N, d)``, as a number of its own ``()``."""
    return torch.cdist(centres, centres).max()


def decorrelation(features: Tensor) -> Tensor:
    """Return the mean square of the products of different features over a batch ``(B, d)``, by ``B``.

    Features are first brought to mean 0 and variance 1 over the batch. One sample, or one feature, has none.
    """
    samples, width = features.shape
    if samples < 2 or width < 2:
        return features.new_zeros(())
    centred = features - features.mean(dim=0)
    products = (found := centred / (centred.var(dim=0) + 1e-8).sqrt()).T @ found
    apart = ~torch.eye(width, dtype=torch.bool, device=features.device)
    return products[apart].square().mean() / samples
