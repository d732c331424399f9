"""What a loss is, and what it may know of the classes beside the batch."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, NamedTuple, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from astraea.errors import InputError
from astraea.parts import Part
from astraea.parts.functions import part_of, takes

__all__ = [
    "LOWEST_LOG_PRIOR",
    "ClassView",
    "Loss",
    "client_counts",
    "corrected",
    "effective_log_prior",
    "known_log_prior",
    "with_unheld",
]

LOWEST_LOG_PRIOR = math.log(1e-9)
"""What stands for the log prior of rarer classes, which might be infinite."""


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
    """The loss of a batch.

    A function of ``(logits, targets)``, which returns a scalar, is taken for one too; if it has a parameter
    ``classes``, it gets the :class:`ClassView`. Numbers to be predicted ``(B,)`` come to it with outputs ``(B,)``, as
    ``(B, 1)`` beside them would silently be spread to ``(B, B)``; where it cannot take these, with ``(B, 1)``.
    A function that cannot take two logits for two classes, as PyTorch's binary cross-entropy, gets one.

    ``reads_prior`` says whether it needs the effective class prior, ``takes_prior`` whether it only makes use of one
    that is known anyway.
    """

    reads_prior: ClassVar[bool] = False
    takes_prior: ClassVar[bool] = False
    regression: ClassVar[bool | None] = False
    """Whether targets are numbers to be predicted, not classes; ``None``: either."""
    several: ClassVar[bool | None] = False
    """Whether targets are several labels a sample, ``(B, N)`` of 0 and 1; ``None``: either."""

    @classmethod
    def accepted(cls, found: Any, name: str) -> type[Self]:
        """Return ``found`` as a loss, which may be a function. Raises :class:`InputError` if it is none."""
        if found is functional.binary_cross_entropy or isinstance(found, nn.BCELoss):
            raise InputError(
                f"loss '{name}' takes probabilities, and models give logits: leave out the model's sigmoid, and give "
                "binary_cross_entropy_with_logits or nn.BCEWithLogitsLoss()"
            )
        informed = callable(found) and takes(found, "classes")
        likelihood = found is functional.nll_loss or isinstance(found, nn.NLLLoss)
        of_two: list[_Form] = []  # how it takes two classes, found out at its first batch

        def call(self: Loss, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
            more = {"classes": classes} if informed else {}
            logits = logits.log_softmax(1) if likelihood else logits  # which changes nothing that is one already
            if targets.ndim == 1 and logits.shape[1:] == (2,) and not targets.is_floating_point():
                if not of_two:
                    of_two.append(_form_of_two(lambda *given: found(*given, **more)))
                logits, targets = of_two[0](logits, targets)
            elif targets.is_floating_point() and targets.ndim == 1:
                with suppress(IndexError):  # as it takes the outputs for (B, 1)
                    return cast("Tensor", found(logits.squeeze(1), targets, **more))
            return cast("Tensor", found(logits, targets, **more))

        made = part_of(cls._root, found, call, regression=None, several=None)
        return super().accepted(found, name) if made is None else cast("type[Self]", made)

    def score_prior(self, prior: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Return the class shares at which a model's softmax is a probability, where ``prior`` ``(N,)`` is effective.

        ``None`` where the loss makes it none, as one that weighs classes or samples does.
        """
        return None

    @abstractmethod
    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Return the mean over the batch, a scalar, for logits ``(B, N)`` and targets ``(B,)``."""


_Form = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def _plain(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    return logits, targets


def _rows(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    return logits[:, 1] - logits[:, 0], targets.to(logits.dtype)


def _columns(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    z, y = _rows(logits, targets)
    return z[:, None], y[:, None]


def _column_and_row(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    z, y = _rows(logits, targets)
    return z[:, None], y


def _form_of_two(found: Callable[..., Tensor]) -> _Form:
    """Return in which form a function takes logits ``(B, 2)`` and targets ``(B,)``.

    As they are, or, as binary cross-entropy does, one logit, the second less the first, and 0 or 1. It is tried on a
    batch of five, since a form that does not fit may be spread to another shape in one of one or two.
    """
    logits, targets = torch.zeros(5, 2), torch.zeros(5, dtype=torch.int64)
    for form in (_plain, _rows, _columns, _column_and_row):
        with suppress(Exception):
            found(*form(logits, targets))
            return form
    return _plain  # which then says what is wrong


def corrected(prior: NDArray[np.float64], tau: float) -> NDArray[np.float64]:
    """Return what a correction of strength ``tau`` leaves of a class prior ``(N,)``: even shares where ``tau`` is 1.

    With logits + tau log prior fitted to the data, the logits alone stand at the prior to the power of 1 - tau.
    """
    left: NDArray[np.float64] = np.where(prior > 0, prior, prior[prior > 0].mean()) ** (1.0 - tau)
    left /= left.sum()
    return left


def known_log_prior(classes: ClassView) -> Tensor:
    """Return the log prior, ``(N,)``, as it is. Raises :class:`InputError` if it is not known."""
    if classes.log_prior is None:
        raise InputError("this loss needs the class prior, and none was given")
    return classes.log_prior


def effective_log_prior(classes: ClassView) -> Tensor:
    """Return the log prior, ``(N,)``, finite; of a class that nobody holds it is the mean's, see :func:`with_unheld`.

    Raises :class:`InputError` if it is not known.
    """
    log_prior = known_log_prior(classes)
    nobody = _nobody_holds(log_prior, classes.counts)
    average = -(~nobody).sum().to(log_prior).log()
    return torch.where(nobody, average, log_prior.clamp(min=LOWEST_LOG_PRIOR))


def with_unheld(values: Tensor, classes: ClassView) -> Tensor:
    """Return counts or shares of classes, ``(N,)``; a class that nobody holds gets the mean over those that are held.

    A correction that leaves such a class out of the softmax leaves its logit as it was drawn, and a young model
    answers with it. So it is treated as an average class without samples: with balanced classes, a corrected loss is
    plain cross-entropy, however many further names there are. Where the prior is not known, nothing is changed.
    """
    if classes.log_prior is None:
        return values
    nobody = _nobody_holds(classes.log_prior, classes.counts)
    return torch.where(nobody, values.sum() / (~nobody).sum(), values)


def _nobody_holds(log_prior: Tensor, counts: Tensor | None) -> Tensor:
    nobody = torch.isneginf(log_prior)
    return nobody if counts is None else nobody & (counts == 0)  # an estimated prior may miss what the client holds


def client_counts(classes: ClassView) -> Tensor:
    """Return the client's label histogram, ``(N,)``. Raises :class:`InputError` if it is not known."""
    if classes.counts is None:
        raise InputError("this loss needs the client's own label histogram, and none was given")
    return classes.counts
