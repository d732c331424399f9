"""Two ways to climb a return that is only known by playing: where to try next, and what was learned from it.

Both ask for candidates around a mean, and move it by what they are told. Their steps are in spreads of the numbers.
All follows from the seed and the values: a search is resumed by telling it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from cmaes import CMA
from numpy.typing import NDArray

__all__ = ["CmaStrategy", "GradientStrategy", "Strategy", "centred_ranks"]

Numbers = NDArray[np.float64]


class Strategy(Protocol):
    """What a search asks and tells."""

    @property
    def mean(self) -> Numbers:
        """Where the search stands."""

    @property
    def step(self) -> float:
        """How far from there candidates lie, about."""

    def ask(self) -> list[Numbers]:
        """Return the candidates of the next generation."""

    def tell(self, asked: Sequence[Numbers], values: Sequence[float] | Numbers) -> None:
        """Move by the ``values`` of the candidates ``asked``: the larger the better."""


class CmaStrategy:
    """CMA-ES: learns the shape of the return too. For few numbers (Hansen, arXiv:1604.00772)."""

    def __init__(self, step: float, bounds: Numbers, population: int, rng: np.random.Generator) -> None:
        self._search = CMA(
            mean=np.zeros(len(bounds)),
            sigma=step,
            bounds=bounds,
            seed=int(rng.integers(1 << 31)),
            population_size=population,
        )

    @property
    def mean(self) -> Numbers:
        """The mean of the distribution."""
        return np.asarray(self._search.mean)

    @property
    def step(self) -> float:
        """Its step size."""
        return float(self._search._sigma)

    def ask(self) -> list[Numbers]:
        """Draw a generation."""
        return [np.asarray(self._search.ask()) for _ in range(self._search.population_size)]

    def tell(self, asked: Sequence[Numbers], values: Sequence[float] | Numbers) -> None:
        """Move the distribution; the library minimises."""
        self._search.tell([(x, -float(value)) for x, value in zip(asked, values, strict=True)])


class GradientStrategy:
    """A gradient of the return, smoothed by Gaussian noise. For the many weights of networks.

    OpenAI's evolution strategy (Salimans et al., arXiv:1703.03864): candidates come in pairs ``mean + e`` and
    ``mean - e``, ``e`` normal of deviation ``step``, and count by their ranks, so that no outlier leads. With the ranks
    ``u`` the estimate is ``g = sum(u * e) / (population * step)``; the mean follows it with ``momentum``:
    ``v = momentum * v + (1 - momentum) * g``, then ``mean = mean + rate * v``.
    """

    def __init__(
        self, size: int, step: float, rate: float, momentum: float, population: int, rng: np.random.Generator
    ) -> None:
        self._mean, self._speed = np.zeros(size), np.zeros(size)
        self._step, self._rate, self._momentum = step, rate, momentum
        self._pairs = population // 2
        self._rng = rng

    @property
    def mean(self) -> Numbers:
        """Where the search stands."""
        return self._mean

    @property
    def step(self) -> float:
        """The deviation of candidates, which stays."""
        return self._step

    def ask(self) -> list[Numbers]:
        """Draw a generation, pair by pair."""
        found = []
        for _ in range(self._pairs):
            shift = self._step * self._rng.standard_normal(len(self._mean))
            found += [self._mean + shift, self._mean - shift]
        return found

    def tell(self, asked: Sequence[Numbers], values: Sequence[float] | Numbers) -> None:
        """Estimate the gradient and follow it."""
        shifts = np.asarray(asked) - self._mean
        gradient = centred_ranks(np.asarray(values)) @ shifts / (len(shifts) * self._step)
        self._speed = self._momentum * self._speed + (1 - self._momentum) * gradient
        self._mean = self._mean + self._rate * self._speed


def centred_ranks(values: Numbers) -> Numbers:
    """Return the ranks of ``values``, spread evenly from -1/2 (the least) to 1/2; what is equal shares its mean."""
    below = (values[:, None] > values).sum(axis=1)
    equal = (values[:, None] == values).sum(axis=1)
    return np.asarray((below + (equal - 1) / 2) / (len(values) - 1) - 0.5)
