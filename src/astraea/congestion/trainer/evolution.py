"""Training a law by evolution: candidates play the same worlds, and the search moves to where all flows did well.

CMA-ES (Hansen, 'The CMA evolution strategy: a tutorial', arXiv:1604.00772) over the numbers of
:data:`astraea.congestion.policy.law.LAW`, from the library ``cmaes``. It is multi-agent policy search: one law is
shared by all flows of a world, each acts on what it observes alone, and the return is that of all flows together.
Candidates are rounded as a kernel holds them before they play. Each generation draws new worlds; the best is
chosen on worlds of another stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from cmaes import CMA
from numpy.typing import NDArray
from pydantic import Field

from astraea.congestion.connection.fixed_point import ONE
from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.play import simulate
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.policy import Policy, PolicyHeader
from astraea.congestion.settings import Settings
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.trainer.families import FAMILIES, worlds_of
from astraea.congestion.trainer.fitness import FitnessSettings, fitness
from astraea.seeding import Purpose, stream

__all__ = ["Evolution", "EvolutionSettings", "Generation", "law_policy"]

Numbers = NDArray[np.float64]
Worlds = Sequence[tuple[str, WorldSettings]]


class EvolutionSettings(Settings):
    """How a law is searched for."""

    seed: int = Field(0, ge=0, description="seed of candidates and worlds")
    generations: int = Field(30, ge=1, description="generations")
    population: int = Field(20, ge=4, description="candidates of a generation")
    mixes: int = Field(1, ge=1, description="mixes of 17 worlds that each candidate plays")
    step: float = Field(0.4, gt=0, description="first step size, in the spreads of the numbers")
    validate_every: int = Field(10, ge=1, description="generations between validations")
    validation_mixes: int = Field(10, ge=1, description="mixes of 17 worlds for a validation")
    control: PolicySettings = Field(PolicySettings(gain=0.25), description="how actions are applied")
    fitness: FitnessSettings = Field(FitnessSettings(), description="what is rewarded")


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
        self._start = np.array([n.start for n in LAW])
        self._spread = np.array([n.spread for n in LAW])
        bounds = np.array([(n.low, n.high) for n in LAW])
        self._search = CMA(
            mean=np.zeros(len(LAW)),
            sigma=settings.step,
            bounds=(bounds - self._start[:, None]) / self._spread[:, None],
            seed=int(stream(settings.seed, Purpose.EVOLUTION).integers(1 << 31)),
            population_size=settings.population,
        )
        for known in past:
            self._tell(self._ask(), known.values)

    def step(self) -> Generation:
        """Play one generation."""
        asked = self._ask()
        number = self.generation
        worlds = worlds_of(stream(self.settings.seed, Purpose.EVOLUTION, number + 1), self.settings.mixes)
        values = self._play([self._numbers(x) for x in asked], worlds)
        self._tell(asked, values)
        last = self.generation == self.settings.generations
        due = last or self.generation % self.settings.validate_every == 0
        centre = self.centre
        return Generation(
            number,
            tuple(values.tolist()),
            tuple(centre.tolist()),
            float(self._search._sigma),
            self.validate(centre) if due else None,
        )

    @property
    def centre(self) -> Numbers:
        """Where the search stands."""
        return self._numbers(np.asarray(self._search.mean))

    def validate(self, numbers: Numbers) -> dict[str, float]:
        """Return the mean fitness of ``numbers`` by family, and over all, on the validation's worlds."""
        worlds = worlds_of(stream(self.settings.seed, Purpose.SELECTION), self.settings.validation_mixes)
        found = {name: float(values[0]) for name, values in self._by_family([numbers], worlds).items()}
        return {"all": float(_weighted(found)), **found}

    def _ask(self) -> list[Numbers]:
        return [np.asarray(self._search.ask()) for _ in range(self.settings.population)]

    def _tell(self, asked: Sequence[Numbers], values: Sequence[float] | Numbers) -> None:
        self._search.tell([(x, -float(value)) for x, value in zip(asked, values, strict=True)])
        self.generation += 1

    def _numbers(self, x: Numbers) -> Numbers:
        return self._start + self._spread * x

    def _play(self, candidates: Sequence[Numbers], worlds: Worlds) -> Numbers:
        """Return the fitness of every candidate: the mean over families by their weights."""
        return _weighted(self._by_family(candidates, worlds))

    def _by_family(self, candidates: Sequence[Numbers], worlds: Worlds) -> dict[str, Numbers]:
        """Return every candidate's mean fitness in the worlds of each family."""
        policies = [law_policy(numbers, self.settings.control) for numbers in candidates]

        def one(job: tuple[Policy, WorldSettings]) -> float:
            policy, world = job
            return fitness(simulate(world, policy=policy), self.settings.fitness)

        jobs = [(policy, world) for policy in policies for _, world in worlds]
        with ThreadPoolExecutor(self._jobs) as pool:
            values = np.array(list(pool.map(one, jobs))).reshape(len(policies), len(worlds))
        names = np.array([name for name, _ in worlds])
        return {name: values[:, names == name].mean(axis=1) for name in dict.fromkeys(names.tolist())}


def _weighted(found: Mapping[str, Numbers | float]) -> Numbers:
    weights = {family.name: family.weight for family in FAMILIES}
    return np.asarray(np.average(list(found.values()), axis=0, weights=[weights[name] for name in found]))


def law_policy(numbers: Any, control: PolicySettings, card: dict[str, str] | None = None) -> Policy:
    """Return the law of ``numbers``, in the order of LAW, rounded to 1/1024 and held within its bounds."""
    held = np.clip(np.asarray(numbers, np.float64), [n.low for n in LAW], [n.high for n in LAW])
    header = PolicyHeader(kind="law", control=control)
    return Policy(header, np.rint(held * ONE).astype(np.int32), card or {})
