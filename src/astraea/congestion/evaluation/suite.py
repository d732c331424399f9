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

__all__ = ["CONDITIONS", "Case", "Column", "Outcome", "Setup", "Suite", "noisy", "rng_of", "seed_of", "shared_queue"]

_JITTER_MS, _ACK_EVERY, _ACK_SLOT_MS = 0.2, 2, 1.0

CONDITIONS = (
    "Every link is one shared first-in-first-out queue that drops what does not fit, never fair queueing. Every path "
    f"has exponential jitter of {_JITTER_MS:g} ms on average, an acknowledgement for {_ACK_EVERY} packets, and "
    f"acknowledgements that arrive in slots of {_ACK_SLOT_MS:g} ms, each flow's within a tenth of that."
)
"""What holds in all worlds, in words."""


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
    seconds: float  # processor time that simulating took, in the first world of a process with compilation

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


def noisy(flow: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return ``flow`` with the noise of :data:`CONDITIONS`.

    Slots of one length would wake all flows at the same instants, in the same order, and the last of them would
    always find the queue full: so each flow's are a little longer or shorter.
    """
    slot = _ACK_SLOT_MS * float(rng.uniform(0.9, 1.1))
    return {"jitter_ms": _JITTER_MS, "ack_every": _ACK_EVERY, "ack_slot_ms": slot, **flow}


def shared_queue(flows: Sequence[dict[str, Any]], rng: np.random.Generator, **world: Any) -> WorldSettings:
    """Return a world in which ``flows``, made :func:`noisy`, share one first-in-first-out queue that drops tails.

    ``world`` goes to :func:`astraea.congestion.simulator.topology.dumbbell`.
    """
    return dumbbell([noisy(flow, rng) for flow in flows], seed=seed_of(rng), **world)
