"""One part of each kind: a class with a name, whose fields are its settings."""

from typing import ClassVar

import numpy as np
from pydantic import Field
from torch.nn import functional

import astraea
from astraea.balance.losses import Loss
from astraea.balance.mediators import MediatorRule
from astraea.congestion import Controller, Events, inlined
from astraea.congestion.connection.record import NO_THRESHOLD
from astraea.data import Loader
from astraea.federation.algorithms import Algorithm
from astraea.federation.plan import Chain, Visit
from astraea.federation.rules import LocalRule


class Rings(Algorithm, name="rings"):
    """The clients of a round in rings of equal length, each passed through once."""

    length: int = Field(3, ge=1, description="Clients of a ring.")

    def chains(self, cohort, histograms, rng):
        rings = [cohort[first : first + self.length] for first in range(0, len(cohort), self.length)]
        return tuple(Chain(n, tuple(Visit(client) for client in ring)) for n, ring in enumerate(rings))


class Decay(LocalRule, name="decay"):
    """A pull of the weights towards zero."""

    strength: float = Field(0.001, ge=0, description="Strength of the pull.")

    def gradient(self, gradient, weights, context):
        return gradient + self.strength * weights


class Focal(Loss, name="own-focal"):
    """Samples that are right already count less (Lin et al., ICCV 2017)."""

    gamma: float = Field(2.0, ge=0, description="How much less.")

    def __call__(self, logits, targets, classes):
        losses = functional.cross_entropy(logits, targets, reduction="none")
        return ((1 - (-losses).exp()) ** self.gamma * losses).mean()


class BySize(MediatorRule, name="by-size"):
    """Clients of like size share a mediator."""

    def schedule(self, counts, capacity, rng):
        order = np.argsort(counts.sum(axis=1), kind="stable").tolist()
        return [order[first : first + capacity] for first in range(0, len(order), capacity)]


class Blobs(Loader, name="blobs"):
    """Points around one centre for each class."""

    classes: int = Field(4, ge=2, description="Number of classes.")

    def load(self):
        y = np.arange(200 * self.classes) % self.classes
        return astraea.from_arrays(y[:, None] + np.random.default_rng(0).normal(0, 0.3, (len(y), 3)), y, name="blobs")


@inlined
def start(connection, state, now):
    """Begin with the window of the settings."""
    connection.cwnd = state.window
    connection.ssthresh = NO_THRESHOLD


class Steady(Controller, name="steady"):
    """A window that never changes."""

    window: float = Field(20.0, ge=1, description="The window, in packets.")
    events: ClassVar = Events(start=start)
