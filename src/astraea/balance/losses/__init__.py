"""Losses of a batch, plain, prior-aware and client-aware. A further loss is one file and one line in ``LOSSES``."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from torch import Tensor

from astraea.balance.losses.base import ClassView, Loss
from astraea.balance.losses.cross_entropy import cross_entropy
from astraea.balance.losses.fedlc import fedlc
from astraea.balance.losses.fedrs import fedrs
from astraea.balance.losses.local_prior import local_prior, running_prior
from astraea.balance.losses.logit_adjusted import logit_adjustment
from astraea.balance.losses.ratio import ratio
from astraea.errors import InputError, nearest, unknown_name

__all__ = [
    "LOSSES",
    "ClassView",
    "Loss",
    "cross_entropy",
    "fedlc",
    "fedrs",
    "local_prior",
    "logit_adjustment",
    "loss_parameters",
    "make_loss",
    "ratio",
    "running_prior",
]


class _Entry(NamedTuple):
    function: Callable[..., Tensor]
    reads_prior: bool


LOSSES: dict[str, _Entry] = {
    "cross-entropy": _Entry(cross_entropy, False),
    "logit-adjusted": _Entry(logit_adjustment, True),
    "local-prior": _Entry(local_prior, False),
    "running-prior": _Entry(running_prior, True),
    "fedlc": _Entry(fedlc, False),
    "fedrs": _Entry(fedrs, False),
    "ratio": _Entry(ratio, True),
}
"""Each loss, and whether it reads the effective prior."""


def make_loss(name: str, **parameters: float) -> tuple[Loss, bool]:
    """Return the loss called ``name`` with its ``parameters``, and whether it reads the effective prior.

    Raises :class:`InputError` for an unknown name, a parameter that the loss does not take, and one that is not
    a number from 0.
    """
    known = loss_parameters(name)
    for parameter, value in parameters.items():
        if parameter not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise InputError(f"loss '{name}' has no parameter '{parameter}'{nearest(parameter, known)} ({takes})")
        if not 0 <= value < math.inf:
            raise InputError(
                f"the loss's {parameter} is {value}: it must be a number from 0, usually {known[parameter]}"
            )
    function, reads_prior = LOSSES[name]
    return partial(function, **parameters), reads_prior


def loss_parameters(name: str) -> dict[str, float]:
    """Return the parameters that the loss ``name`` takes, with their defaults.

    Raises :class:`InputError` for an unknown name.
    """
    if name not in LOSSES:
        raise unknown_name("loss", name, LOSSES)
    taken = list(inspect.signature(LOSSES[name].function).parameters.values())[3:]
    return {parameter.name: float(parameter.default) for parameter in taken}
