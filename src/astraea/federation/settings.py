"""Typed settings of local training; their descriptions are the command line's help."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from astraea.balance.losses import AutoLoss, CrossEntropy, Loss
from astraea.errors import InputError, unknown_name
from astraea.federation.plan import LocalTraining
from astraea.federation.rules import Facts, LocalRule, Plain
from astraea.parts import Settings
from astraea.parts.base import Moved

__all__ = ["SCHEDULES", "USUAL_RATE", "Decay", "TrainingSettings"]

Decay = Literal["rounds", "visits"]
"""When the learning rate of the schedule changes."""

USUAL_RATE = 0.02
"""The learning rate that is left open, where an algorithm does not say its own."""

SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda progress: 1.0,
    "cosine": lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)),
    "linear": lambda progress: 1.0 - progress,
    "step": lambda progress: 0.1 ** (int(progress >= 0.5) + int(progress >= 0.75)),
}
"""Learning-rate factor as a function of progress through the run, from 0 at its first round to 1 after its last."""


class TrainingSettings(Settings):
    """How a client trains in one visit."""

    moved: ClassVar = {
        "mu": Moved("rule", "mu", 0.01),
        **{key: Moved("loss", key) for key in ("tau", "prior_rate", "absent_scale", "ratio_weight")},
    }

    batch_size: int = Field(20, ge=1, description="Samples in a mini-batch.")
    optimizer: str = Field(
        "SGD",
        description="A class of torch.optim by name; its state is fresh at each visit. The papers: Adam.",
    )
    lr: float | None = Field(
        None,
        gt=0,
        description="Learning rate at the first round; left open it is 0.01 with astraea, whose visits are long, and "
        "0.02 with others. The papers: 0.001 with Adam.",
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="Momentum, for the optimisers that have it.")
    weight_decay: float = Field(0.0, ge=0, description="Weight decay, for the optimisers that have it.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="Further arguments of the optimiser, such as betas or nesterov."
    )
    schedule: str = Field(
        "cosine",
        description="Learning rate over the rounds of a run: constant, cosine or linear decay to zero, "
        "or a tenth at one half and again at three quarters (step). The papers: constant.",
    )
    decay: Decay | None = Field(
        None,
        description="When the rate of the schedule changes: with each round, or within a round too, from visit to "
        "visit of a chain (visits). Few rounds of long chains else end with clients that train at a high rate. Left "
        "open it is visits with astraea, and rounds with others.",
    )
    warmup: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of the run over which the rate first rises linearly from near zero.",
    )
    rule: LocalRule = Field(default_factory=Plain, description="What a client does beyond descent on the loss.")
    loss: Loss = Field(default_factory=AutoLoss, description="What a client minimises.")
    clip_norm: float | None = Field(None, gt=0, description="Largest norm of a gradient; longer ones are scaled.")
    personal: tuple[str, ...] = Field(
        (),
        description="Layers that stay with each client and never travel: 'batch-norm' (FedBN), or names of layers and "
        "parameters, with * for any part, such as 'head.*'.",
    )
    freeze_statistics: bool = Field(
        False,
        description="Whether batch normalisation keeps the running statistics that the model came with, such as those "
        "of pretrained weights, in training too.",
    )

    @field_validator("optimizer")
    @classmethod
    def _known(cls, name: str) -> str:
        import torch

        known = [
            key
            for key, value in vars(torch.optim).items()
            if isinstance(value, type) and issubclass(value, torch.optim.Optimizer) and key != "Optimizer"
        ]
        if name not in known:
            raise unknown_name("optimiser", name, known)
        return name

    @field_validator("schedule")
    @classmethod
    def _known_schedule(cls, name: str) -> str:
        if name not in SCHEDULES:
            raise unknown_name("schedule", name, SCHEDULES)
        return name

    def decided(self, loss: Loss, lr: float = USUAL_RATE, decay: Decay = "rounds") -> TrainingSettings:
        """Return the settings with ``loss``, ``lr`` and ``decay`` where they are left open."""
        open_: dict[str, Any] = {"loss": loss} if isinstance(self.loss, AutoLoss) else {}
        open_ |= {name: value for name, value in (("lr", lr), ("decay", decay)) if getattr(self, name) is None}
        return self.model_copy(update=open_)

    @property
    def first_rate(self) -> float:
        """The learning rate at the first round."""
        return USUAL_RATE if self.lr is None else self.lr

    def local_rule(self, weights: int = 0, samples: int = 0) -> LocalRule:
        """Return the rule with its loss for a model of so many trainable ``weights`` and ``samples`` of all clients.

        A loss left open is cross-entropy, as no algorithm is known here. Raises :class:`InputError` for a rule that
        does not go with the optimiser.
        """
        facts = Facts(weights, samples, self.optimizer, self.momentum, self.options)
        return self.rule.bound(self.decided(CrossEntropy()).loss, facts)

    def rate(self, progress: float) -> float:
        """Return the learning rate at ``progress`` in [0, 1) through the run."""
        if progress < self.warmup:
            return self.first_rate * max(progress, 0.01) / self.warmup
        return self.first_rate * SCHEDULES[self.schedule]((progress - self.warmup) / (1.0 - self.warmup))

    def local(self, epochs: int, progress: float, until: float | None = None) -> LocalTraining:
        """Return the training of the visits of a round at ``progress`` through the run, and ``until`` at its end.

        Raises :class:`InputError` if the optimiser does not take the options given.
        """
        accepted = _accepted(self.optimizer)
        options = {
            name: value
            for name, value in (("momentum", self.momentum), ("weight_decay", self.weight_decay))
            if name in accepted
        }
        unknown = sorted(set(self.options) - set(accepted))
        if unknown:
            raise InputError(f"optimiser {self.optimizer} has no option '{unknown[0]}': it takes {', '.join(accepted)}")
        return LocalTraining(
            epochs,
            self.batch_size,
            self.optimizer,
            self.rate(progress),
            options | self.options,
            self.clip_norm,
            self.rate(until) if until is not None and self.decay == "visits" else None,
        )


@cache
def _accepted(optimizer: str) -> tuple[str, ...]:
    """Return the names of what a class of ``torch.optim`` can be given."""
    import inspect

    import torch

    return tuple(inspect.signature(getattr(torch.optim, optimizer)).parameters)
