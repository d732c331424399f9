"""What a loss is, and what it may know of the classes beside the batch."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar, NamedTuple

from torch import Tensor

from astraea.errors import InputError
from astraea.parts import Part

__all__ = ["LOWEST_LOG_PRIOR", "ClassView", "Loss", "client_counts", "effective_log_prior"]

LOWEST_LOG_PRIOR = math.log(1e-9)
"""What stands for the log prior of rarer and of absent classes, which would be infinite."""


class ClassView(NamedTuple):
    """What a loss may know of the classes.

    ``log_prior`` ``(N,)``: natural logarithms of the effective class prior, -inf for a class that nobody holds;
    ``counts`` ``(N,)``: the label histogram of what the client trains on; ``step``: optimiser steps that the
    visit has taken before this batch. ``None`` where it is not known.
    """

    log_prior: Tensor | None = None
    counts: Tensor | None = None
    step: int = 0


class Loss(Part, kind="loss", default="auto"):
    """The loss of a batch. ``reads_prior`` says whether it needs the effective class prior."""

    reads_prior: ClassVar[bool] = False
    regression: ClassVar[bool] = False
    """Whether targets are numbers to be predicted, not classes."""

    @abstractmethod
    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Return the mean over the batch, a scalar, for logits ``(B, N)`` and targets ``(B,)``."""


def effective_log_prior(classes: ClassView) -> Tensor:
    """Return the log prior, ``(N,)``, finite. Raises :class:`InputError` if it is not known."""
    if classes.log_prior is None:
        raise InputError("this loss needs the class prior, and none was given")
    return classes.log_prior.clamp(min=LOWEST_LOG_PRIOR)


def client_counts(classes: ClassView) -> Tensor:
    """Return the client's label histogram, ``(N,)``. Raises :class:`InputError` if it is not known."""
    if classes.counts is None:
        raise InputError("this loss needs the client's own label histogram, and none was given")
    return classes.counts
