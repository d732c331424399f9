"""Class-balanced sampling: an epoch in which every class that a client holds occurs equally often.

The usual remedy in long-tailed learning (Kang et al., ICLR 2020, section 4.1: each class with the same
probability, then a sample of it), made exact: an epoch keeps its length, and instead of drawing with
replacement each class goes through its own samples in random order, again and again. So what a client trains
on is known beforehand, and the effective prior with it. No sample is stored twice.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["balanced_histogram", "balanced_order"]


def balanced_histogram(histogram: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how often each class occurs in a balanced epoch, ``(..., N)`` -> ``(..., N)``.

    The classes that a row holds share its total evenly; what does not divide goes to the rarest of them, one
    each, ties to the lowest class.
    """
    counts = np.asarray(histogram, np.int64)
    held = counts > 0
    classes = np.maximum(held.sum(axis=-1, keepdims=True), 1)
    each, left = np.divmod(counts.sum(axis=-1, keepdims=True), classes)
    rarest_first = np.argsort(np.where(held, counts, np.iinfo(np.int64).max), axis=-1, kind="stable")
    rank = np.argsort(rarest_first, axis=-1, kind="stable")
    return np.where(held, each + (rank < left), 0)


def balanced_order(labels: Tensor, histogram: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the samples of a balanced epoch: places in ``labels`` ``(n,)``, and which of them are repeats.

    ``histogram`` ``(N,)`` says how often each class occurs, as :func:`balanced_histogram` does; both results
    have its sum as their length and are in random order. A class's samples are all used before one is repeated.
    """
    shuffled = torch.randperm(len(labels), generator=generator)
    by_class = shuffled[torch.argsort(labels[shuffled], stable=True)]
    have = torch.bincount(labels, minlength=len(histogram))
    first = have.cumsum(0) - have
    wanted_before = histogram.cumsum(0) - histogram
    drawn = torch.repeat_interleave(torch.arange(len(histogram)), histogram)
    nth = torch.arange(len(drawn)) - wanted_before[drawn]
    places = by_class[first[drawn] + nth % have[drawn]]
    order = torch.randperm(len(drawn), generator=generator)
    return places[order], (nth >= have[drawn])[order]
