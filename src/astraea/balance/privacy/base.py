"""What a way of telling histograms is, and the plain one."""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.parts import Part, Settings

__all__ = ["HistogramPrivacy", "Plain", "PrivacySettings", "Told"]


class Told(NamedTuple):
    """What the server knows: ``histograms`` ``(K, N)`` as which it takes the clients', ``counts`` ``(N,)`` of all.

    ``epsilon`` is what a client has given away of ε-differential privacy by telling once: infinite where it told
    exactly, 0 where it told nothing of its own.
    """

    histograms: NDArray[np.int64]
    counts: NDArray[np.int64]
    epsilon: float


class HistogramPrivacy(Part, kind="histogram privacy", default="plain"):
    """How much a client tells of its label histogram."""

    @abstractmethod
    def told(self, histograms: NDArray[np.int64], rng: np.random.Generator) -> Told:
        """Return what the server gets to know of clients that hold ``histograms`` ``(K, N)``."""


class Plain(HistogramPrivacy, name="plain"):
    """Every client tells its class counts, exactly."""

    def told(self, histograms: NDArray[np.int64], rng: np.random.Generator) -> Told:
        """Return the histograms as they are."""
        return Told(histograms, histograms.sum(axis=0), float("inf"))


class PrivacySettings(Settings):
    """What the server is told of its clients' data."""

    histograms: HistogramPrivacy = Field(
        default_factory=Plain, description="How much a client tells of its label histogram."
    )
