"""Losses of a batch, plain and prior-aware. A further loss is a function and one line in ``LOSSES``."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from torch import Tensor
from torch.nn import functional

from astraea.errors import InputError, unknown_name

__all__ = ["LOSSES", "Loss", "cross_entropy", "logit_adjustment", "make_loss"]

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(logits ``(B, N)``, targets ``(B,)``, log prior ``(N,)`` or ``None``) -> mean over the batch, a scalar."""

LOWEST_LOG_PRIOR = math.log(1e-9)
"""What stands for the log prior of rarer and of absent classes, which would be infinite."""


def cross_entropy(logits: Tensor, targets: Tensor, log_prior: Tensor | None = None, tau: float = 1.0) -> Tensor:
    """Return the mean cross-entropy of ``logits`` ``(B, N)``; the prior does not matter."""
    return functional.cross_entropy(logits, targets)


def logit_adjustment(logits: Tensor, targets: Tensor, log_prior: Tensor | None, tau: float = 1.0) -> Tensor:
    """Return the mean cross-entropy of ``logits + tau * log_prior``; a model is then used without the offset.

    ``logits`` has shape ``(B, N)``, ``targets`` ``(B,)`` and ``log_prior`` ``(N,)``: the natural logarithms
    of class probabilities, -inf for a class that nobody holds. The logit-adjusted loss of Menon et al.
    (ICLR 2021), with ``tau`` 1 the balanced softmax of Ren et al. (NeurIPS 2020). ``tau`` is at least 0, and
    0 is plain cross-entropy.

    Raises :class:`InputError` without a prior.
    """
    if log_prior is None:
        raise InputError("logit adjustment needs the class prior, and none was given")
    return functional.cross_entropy(logits + tau * log_prior.clamp(min=LOWEST_LOG_PRIOR), targets)


LOSSES: dict[str, tuple[Callable[..., Tensor], bool]] = {
    "cross-entropy": (cross_entropy, False),
    "logit-adjusted": (logit_adjustment, True),
}
"""Each loss, and whether it reads the prior."""


def make_loss(name: str, tau: float = 1.0) -> tuple[Loss, bool]:
    """Return the loss called ``name`` at ``tau``, and whether it reads the prior.

    Raises :class:`InputError` for an unknown name and a ``tau`` that is not a number from 0.
    """
    if name not in LOSSES:
        raise unknown_name("loss", name, LOSSES)
    if not 0 <= tau < math.inf:
        raise InputError(f"the loss's tau is {tau}: it must be a number from 0, usually 1")
    function, reads_prior = LOSSES[name]
    return partial(function, tau=tau), reads_prior
