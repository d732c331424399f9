"""What policies come to in worlds of all families: what evolution climbs, and what a training is judged by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.play import simulate
from astraea.congestion.policy.policy import Policy
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.trainer.families import families_of
from astraea.congestion.trainer.fitness import FitnessSettings, fitness

__all__ = ["Worlds", "by_family", "in_all", "weighted"]

Numbers = NDArray[np.float64]
Worlds = Sequence[tuple[str, WorldSettings]]
"""Worlds and the names of their families."""


def by_family(
    policies: Sequence[Policy], worlds: Worlds, settings: FitnessSettings, jobs: int = 1
) -> dict[str, Numbers]:
    """Return every policy's mean fitness in the worlds of each family, ``(policies,)``; ``jobs`` threads play them."""

    def one(job: tuple[Policy, WorldSettings]) -> float:
        policy, world = job
        return fitness(simulate(world, policy=policy), settings)

    played = [(policy, world) for policy in policies for _, world in worlds]
    with ThreadPoolExecutor(jobs) as pool:
        values = np.array(list(pool.map(one, played))).reshape(len(policies), len(worlds))
    names = np.array([name for name, _ in worlds])
    return {name: values[:, names == name].mean(axis=1) for name in dict.fromkeys(names.tolist())}


def weighted(found: Mapping[str, Numbers]) -> Numbers:
    """Return the means over families by their weights."""
    weights = {family.name: family.weight for family in families_of(noisy=True)}
    return np.asarray(np.average(list(found.values()), axis=0, weights=[weights[name] for name in found]))


def in_all(found: Mapping[str, Numbers]) -> dict[str, float]:
    """Return the first policy's fitness by family, and their weighted mean as ``all``."""
    return {"all": float(weighted(found)[0]), **{name: float(values[0]) for name, values in found.items()}}
