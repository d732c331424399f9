"""Training a policy by evolution: candidates play the same worlds, and the search moves to where all flows did well.

It is multi-agent policy search: one policy is shared by all flows of a world, each acts on what it observes alone, and
the return is that of all flows together. What is searched for is a law of few numbers, a network on top of a law, or a
network by itself (:mod:`astraea.congestion.trainer.subjects`), by CMA-ES or by a smoothed gradient
(:mod:`astraea.congestion.trainer.strategies`). Candidates are rounded as a kernel holds them before they play. Each
generation draws new worlds; the best is chosen on worlds of another stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.policy import shipped_policy
from astraea.congestion.settings import Settings
from astraea.congestion.trainer.families import worlds_of
from astraea.congestion.trainer.fitness import FitnessSettings
from astraea.congestion.trainer.judging import Worlds, by_family, in_all, weighted
from astraea.congestion.trainer.strategies import CmaStrategy, GradientStrategy, Strategy
from astraea.congestion.trainer.subjects import Subject, law_subject, network_subject, residual_subject
from astraea.seeding import Purpose, stream

__all__ = ["Evolution", "EvolutionSettings", "Generation", "network_settings", "residual_settings"]

Numbers = NDArray[np.float64]


class EvolutionSettings(Settings):
    """How a policy is searched for; the defaults are those of a law."""

    seed: int = Field(0, ge=0, description="seed of candidates and worlds")
    subject: Literal["law", "residual", "network"] = Field(
        "law", description="a law of few numbers, a network that turns numbers of a law, or a network by itself"
    )
    law: tuple[int, ...] = Field((), description="numbers of the law under a residual, in 1/1024")
    strategy: Literal["cma", "gradient"] = Field("cma", description="CMA-ES, or a gradient smoothed by noise")
    generations: int = Field(30, ge=1, description="generations")
    population: int = Field(20, ge=4, description="candidates of a generation; of 'gradient' an even number")
    mixes: int = Field(1, ge=1, description="mixes of 17 worlds that each candidate plays")
    noisy: bool = Field(False, description="whether a mix also holds three worlds with much noise and two that change")
    each: int = Field(0, ge=0, description="worlds of each family in a mix of training; 0: as many as its share")
    step: float = Field(0.4, gt=0, description="first step size, in the spreads of the numbers; of 'gradient' for good")
    rate: float = Field(1.0, gt=0, description="how far 'gradient' follows its estimate")
    momentum: float = Field(0.5, ge=0, lt=1, description="how much of its speed 'gradient' keeps")
    validate_every: int = Field(10, ge=1, description="generations between validations")
    validation_mixes: int = Field(10, ge=1, description="mixes of 17 worlds for a validation")
    control: PolicySettings = Field(PolicySettings(gain=0.25), description="how actions are applied")
    fitness: FitnessSettings = Field(FitnessSettings(), description="what is rewarded")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.strategy == "gradient" and self.population % 2:
            raise ValueError(f"population must be even, as candidates come in pairs, got {self.population}")
        if len(self.law) != (len(LAW) if self.subject == "residual" else 0):
            raise ValueError(f"law must hold the {len(LAW)} numbers of a law for a residual, and none for others")
        return self


_DEEP: dict[str, Any] = {
    "strategy": "gradient", "noisy": True, "each": 1, "step": 1.0, "rate": 4.0, "generations": 150,
}  # fmt: skip
"""What is common to networks: many generations of few worlds, since each tells little of so many weights."""


def residual_settings(**fields: Any) -> EvolutionSettings:
    """Return a search for a network on top of the shipped law."""
    base = shipped_policy()
    law = {"subject": "residual", "law": tuple(base.weights.tolist()), "control": base.header.control}
    return EvolutionSettings(**{**_DEEP, **law, "rate": 2.0, **fields})  # it begins where little is to be gained


def network_settings(**fields: Any) -> EvolutionSettings:
    """Return a search for a network by itself."""
    return EvolutionSettings(**{**_DEEP, "subject": "network", **fields})


@dataclass(frozen=True)
class Generation:
    """What one generation found; fitness values are weighted means over families."""

    number: int
    values: tuple[float, ...]  # of the candidates, in the order in which they were asked for
    centre: tuple[float, ...]  # where the search stands then: the numbers of LAW
    step: float
    validation: dict[str, float] | None = None  # of the centre, by family, and their mean as "all"


class Evolution:
    """A search under way: it follows from its settings and the values of past generations alone."""

    def __init__(self, settings: EvolutionSettings, past: Sequence[Generation] = (), jobs: int = 1) -> None:
        self.settings = settings
        self.generation = 0
        self._jobs = jobs
        self.subject = _subject(settings)
        self._search = _strategy(settings, self.subject)
        for known in past:
            self._tell(self._search.ask(), known.values)

    def step(self) -> Generation:
        """Play one generation."""
        asked = self._search.ask()
        number = self.generation
        worlds = self._worlds(Purpose.EVOLUTION, number + 1, rounds=self.settings.mixes, each=self.settings.each)
        values = self._play([self._numbers(x) for x in asked], worlds)
        self._tell(asked, values)
        last = self.generation == self.settings.generations
        due = last or self.generation % self.settings.validate_every == 0
        centre = self.centre
        return Generation(
            number,
            tuple(values.tolist()),
            tuple(centre.tolist()),
            self._search.step,
            self.validate(centre) if due else None,
        )

    @property
    def centre(self) -> Numbers:
        """Where the search stands."""
        return self._numbers(self._search.mean)

    def validate(self, numbers: Numbers) -> dict[str, float]:
        """Return the mean fitness of ``numbers`` by family, and over all, on the validation's worlds."""
        worlds = self._worlds(Purpose.SELECTION, rounds=self.settings.validation_mixes)
        return in_all(self._by_family([numbers], worlds))

    def _worlds(self, purpose: Purpose, *key: int, rounds: int, each: int = 0) -> Worlds:
        return worlds_of(stream(self.settings.seed, purpose, *key), rounds, noisy=self.settings.noisy, each=each)

    def _tell(self, asked: Sequence[Numbers], values: Sequence[float] | Numbers) -> None:
        self._search.tell(asked, values)
        self.generation += 1

    def _numbers(self, x: Numbers) -> Numbers:
        return self.subject.start + self.subject.spread * x

    def _play(self, candidates: Sequence[Numbers], worlds: Worlds) -> Numbers:
        """Return the fitness of every candidate: the mean over families by their weights."""
        return weighted(self._by_family(candidates, worlds))

    def _by_family(self, candidates: Sequence[Numbers], worlds: Worlds) -> dict[str, Numbers]:
        """Return every candidate's mean fitness in the worlds of each family."""
        policies = [self.subject.policy(numbers, {}) for numbers in candidates]
        return by_family(policies, worlds, self.settings.fitness, self._jobs)


def _subject(settings: EvolutionSettings) -> Subject:
    rng = stream(settings.seed, Purpose.MODEL)
    if settings.subject == "residual":
        return residual_subject(settings.law, settings.control, rng)
    return law_subject(settings.control) if settings.subject == "law" else network_subject(settings.control, rng)


def _strategy(settings: EvolutionSettings, subject: Subject) -> Strategy:
    rng = stream(settings.seed, Purpose.EVOLUTION)
    size, step, population = len(subject.start), settings.step, settings.population
    if settings.strategy == "gradient":
        return GradientStrategy(size, step, settings.rate, settings.momentum, population, rng)
    bounds = np.tile((-np.inf, np.inf), (size, 1)) if subject.bounds is None else subject.bounds
    return CmaStrategy(step, (bounds - subject.start[:, None]) / subject.spread[:, None], population, rng)
