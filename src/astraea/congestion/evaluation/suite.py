"""What a suite is: labelled worlds for an arm and a seed, what is measured of each, and the columns of its table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from astraea.congestion.simulator.results import Result
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.simulator.topology import dumbbell
from astraea.seeding import Purpose, stream

__all__ = ["NOISE", "Case", "Column", "Outcome", "Setup", "Suite", "rng_of", "seed_of", "shared_queue"]

NOISE: dict[str, Any] = {"jitter_ms": 0.2, "ack_every": 2, "ack_slot_ms": 1.0}
"""What every flow suffers: exponential jitter of this mean, delayed acknowledgements, and their aggregation."""


@dataclass(frozen=True)
class Setup:
    """For whom a suite draws its worlds."""

    controller: str  # of the arm's flows
    seed: int
    worlds: int | None = None  # at most so many
    traces: tuple[Path, ...] = ()  # cellular traces, as far as they are at hand


@dataclass(frozen=True)
class Case:
    """One world and its name, unique in its suite and seed; ``conditions`` are what tables are split by."""

    label: str
    world: WorldSettings
    conditions: Mapping[str, float | str]


@dataclass(frozen=True)
class Outcome:
    """What was measured of one world under one arm; all plain values, a list's durations as [seconds, censored]."""

    suite: str
    case: str
    arm: str
    seed: int
    key: str  # of the world and the policy: it differs where the outcome might
    conditions: Mapping[str, float | str]
    values: Mapping[str, Any]
    seconds: float  # time that simulating took

    def value(self, name: str) -> float:
        """Return a measure as a number; NaN where it does not apply."""
        found = self.values.get(name)
        return float("nan") if found is None else float(found)


Outcomes = Sequence[Outcome]


@dataclass(frozen=True)
class Column:
    """A figure of a table: ``of`` takes an arm's outcomes, and those of the reference (CUBIC) in the same worlds."""

    key: str
    title: str
    of: Callable[[Outcomes, Outcomes], float]
    digits: int = 3
    percent: bool = False


@dataclass(frozen=True)
class Suite:
    """A question put to every arm."""

    name: str
    summary: str  # one line
    plan: Callable[[Setup], list[Case]]
    measure: Callable[[Result], dict[str, Any]]
    columns: tuple[Column, ...]
    group: str = ""  # the condition by which tables are split; empty: not at all
    group_title: str = ""
    total: bool = False  # whether all groups together are a group of their own
    shown: tuple[str, ...] = ()  # columns in the picture
    spread: tuple[tuple[str, str], ...] = ()  # measures whose distribution over worlds the picture shows, with titles
    needs_traces: bool = False

    def cases(self, setup: Setup) -> list[Case]:
        """Return the worlds, thinned out evenly to ``setup.worlds`` if that is given."""
        found = self.plan(setup)
        if setup.worlds is None or setup.worlds >= len(found):
            return found
        return [found[k * len(found) // setup.worlds] for k in range(setup.worlds)]


def rng_of(suite: str, seed: int, number: int) -> np.random.Generator:
    """Return the generator of a suite's world ``number``: the same for every arm, and for no training or selection."""
    return stream(seed, Purpose.EVALUATION, crc32(suite.encode()), number)


def seed_of(rng: np.random.Generator) -> int:
    """Draw the seed of a world."""
    return int(rng.integers(1 << 62))


def shared_queue(flows: Sequence[dict[str, Any]], rng: np.random.Generator, **world: Any) -> WorldSettings:
    """Return a world in which ``flows``, each with :data:`NOISE`, share one first-in-first-out queue that drops tails.

    ``world`` goes to :func:`astraea.congestion.simulator.topology.dumbbell`.
    """
    return dumbbell([{**NOISE, **flow} for flow in flows], seed=seed_of(rng), **world)
