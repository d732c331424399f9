"""Local rules by name. A further one is a file here, and a line in ``RULES``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from astraea.balance.losses import CrossEntropy, Loss
from astraea.errors import InputError
from astraea.federation.rule import LocalRule
from astraea.federation.rules.fedprox import FedProx
from astraea.federation.rules.scaffold import Scaffold
from astraea.federation.settings import TrainingSettings

__all__ = ["RULES", "Facts", "FedProx", "Scaffold", "make_rule"]


@dataclass(frozen=True)
class Facts:
    """What a rule may know of the federation: trainable ``weights`` of the model, ``samples`` of all clients."""

    weights: int
    samples: int


def make_rule(settings: TrainingSettings, facts: Facts) -> LocalRule:
    """Return the local rule that ``settings`` describe, with its loss.

    A loss left open (``auto``) is cross-entropy, as no algorithm is known here. Raises :class:`InputError` for a rule
    that does not go with the optimiser.
    """
    loss = settings.decided(CrossEntropy()).loss
    return RULES[settings.rule](loss, loss.reads_prior, settings, facts)


def _scaffold(loss: Loss, uses_prior: bool, settings: TrainingSettings, facts: Facts) -> LocalRule:
    if settings.optimizer != "SGD" or settings.options:
        raise InputError(
            f"train.rule 'scaffold' reads gradients from displacements, which optimiser {settings.optimizer} with "
            f"options {settings.options} hides: set train.optimizer to 'SGD' without options"
        )
    return Scaffold(loss, uses_prior, facts.weights, facts.samples, settings.momentum)


RULES: dict[str, Callable[[Loss, bool, TrainingSettings, Facts], LocalRule]] = {
    "plain": lambda loss, uses_prior, settings, facts: LocalRule(loss, uses_prior),
    "fedprox": lambda loss, uses_prior, settings, facts: FedProx(loss, uses_prior, settings.mu),
    "scaffold": _scaffold,
}
"""Each rule: from its loss, whether that reads the prior, the settings and the federation's facts."""
