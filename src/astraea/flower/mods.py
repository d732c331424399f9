"""What users add to a ClientApp of their own: the label histogram, augmentation, and losses that know the prior.

Each works alone: with the histogram the clients can be scheduled, with augmentation rare classes get copies, and
with a prior-aware loss the model is corrected for what is still uneven.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from flwr.app import Context, Message
from numpy.typing import ArrayLike
from torch import Tensor
from torch.overrides import TorchFunctionMode

from astraea.balance.losses import ClassView, LogitAdjusted
from astraea.balance.transforms import feature_spread, transform
from astraea.data.dataset import Samples
from astraea.errors import InputError
from astraea.federation.clients import Population
from astraea.flower.messages import (
    AUGMENTS,
    Instructions,
    OwnCopying,
    read_config,
    remark_on,
)
from astraea.flower.telling import Handler

__all__ = ["Mod", "augmentation", "augmented", "balanced", "prior_aware_loss"]

Mod = Callable[[Message, Context, Handler], Message]
"""What stands between a message and its handler: (message, context, what to call next) -> reply."""

_visit: ContextVar[Instructions] = ContextVar("astraea-visit")


def augmentation() -> Mod:
    """Return a mod that takes the server's rebalancing to where :func:`augmented` finds it.

    It also tells the server that this client augments, so that clients are scheduled by what they train on.
    """

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        if message.metadata.message_type.startswith("query"):
            return remark_on(call_next(message, context), AUGMENTS)
        if not message.metadata.message_type.startswith("train"):
            return call_next(message, context)
        with _visiting(read_config(message, Instructions)):
            return call_next(message, context)

    return mod


@contextmanager
def _visiting(instructions: Instructions) -> Iterator[None]:
    # Apart from the mod, which Ray pickles with all that it names: a ContextVar cannot be.
    token = _visit.set(instructions)
    try:
        yield
    finally:
        _visit.reset(token)


def augmented(x: ArrayLike | Tensor, y: ArrayLike | Tensor) -> tuple[Tensor, Tensor]:
    """Return the samples ``(n, *sample)`` and labels ``(n,)`` to train on in this visit, copies included.

    ``uint8`` images stay so; the copies, or all samples, are transformed as the server's settings say. For use
    within the train function of a ClientApp with the mod :func:`augmentation`; raises :class:`InputError` anywhere
    else.
    """
    try:
        visit = _visit.get()
    except LookupError:
        raise InputError(
            "augmented() knows no rebalancing: add astraea.flower.augmentation() to the mods of the ClientApp, "
            "and call it within the train function"
        ) from None
    samples = Samples(np.asarray(x), np.asarray(y))
    classes = int(samples.y.max()) + 1 if visit.copying is None else len(visit.copying.copies)
    copying = visit.copying
    if copying is not None and copying.transform_all:
        data = balanced(samples, classes, copying)[0]
        generator = torch.Generator().manual_seed(visit.stream)
        spread = feature_spread(data.x, form=samples.form)
        return transform(data.x, copying.transforms, generator, spread, samples.form), data.y
    stored = None if copying is None else copying.model_copy(update={"on_the_fly": False})
    data = balanced(samples, classes, stored)[0]
    return data.x, data.y


def balanced(samples: Samples, classes: int, copying: OwnCopying | None) -> Population:
    """Return one client's samples, as the only client of a population, after the rebalancing that it was told."""
    if copying is None:
        return Population.from_samples(samples, [np.arange(len(samples))], classes)
    return Population.from_samples(
        samples,
        [np.arange(len(samples))],
        classes,
        copying.rebalancing,
        on_the_fly=copying.on_the_fly,
        transform_all=copying.transform_all,
        transforms=copying.transforms,
        streams=[copying.streams],
    )


def prior_aware_loss(tau: float = 1.0) -> Mod:
    """Return a mod under which every cross-entropy that the train function takes is corrected for the class prior.

    The prior is the effective one, which the server works out and sends if its ``train`` settings name a loss that
    reads it, such as ``{"loss": "logit-adjusted"}``. ``torch.nn.functional.cross_entropy``, and so
    ``nn.CrossEntropyLoss``, then see ``logits + tau * log prior`` (Menon et al., ICLR 2021). Outside of training
    nothing changes. Raises :class:`InputError` for a ``tau`` that is not a number from 0.
    """
    loss = LogitAdjusted.of("logit-adjusted", tau=tau)

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        if not message.metadata.message_type.startswith("train"):
            return call_next(message, context)
        prior = read_config(message, Instructions).prior
        if prior is None:
            raise InputError(
                "prior_aware_loss() got no class prior: give AstraeaStrategy train={'loss': 'logit-adjusted'}"
            )
        with _Adjusted(loss.offset(ClassView(torch.tensor(prior).log()))):
            return call_next(message, context)

    return mod


class _Adjusted(TorchFunctionMode):
    """Adds ``offset`` ``(N,)`` to the logits, ``(N,)`` or ``(B, N, ...)``, of every cross-entropy."""

    def __init__(self, offset: Tensor) -> None:
        super().__init__()
        self.offset = offset

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = dict(kwargs or {})
        if func is torch.nn.functional.cross_entropy:
            logits, *rest = (named.pop("input"), *args) if "input" in named else args
            classes = logits.shape[min(1, logits.ndim - 1)]
            if classes != len(self.offset):
                raise InputError(
                    f"the class prior has {len(self.offset)} classes, the logits {classes}: they must agree"
                )
            offset = self.offset.to(logits)
            args = (logits + (offset if logits.ndim == 1 else offset.view(-1, *[1] * (logits.ndim - 2))), *rest)
        return func(*args, **named)
