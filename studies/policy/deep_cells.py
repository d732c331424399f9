"""Where the policies of the comparison are judged: the return that training climbs, and cells of suites.

All worlds are of seeds that no training, selection or published evaluation has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from astraea.congestion.evaluation.catalogue import SUITES
from astraea.congestion.evaluation.suite import Case, Setup, rng_of
from astraea.congestion.play import simulate
from astraea.congestion.policy import Policy, shipped_policy
from astraea.congestion.simulator.results import Result
from astraea.congestion.trainer.families import worlds_of
from astraea.congestion.trainer.fitness import FitnessSettings, fitness
from astraea.congestion.trainer.judging import weighted

__all__ = ["CELLS", "COURSE", "FAMILIES", "FEW", "Cell", "decisions_a_world", "judge", "returns"]

_SEED = 3000

FAMILIES = ("all", "few", "unequal", "rival", "many", "buffers", "long", "noisy", "changing")
"""Of the worlds of training; ``all`` is their mean by weight."""


@dataclass(frozen=True)
class Cell:
    """Some worlds of a suite, and the one figure that counts there: the larger the better."""

    title: str
    suite: str
    figure: str
    value: Callable[[Mapping[str, Any]], float]
    wanted: Callable[[Case], bool] = lambda _: True
    apart: bool = False  # whether a seed has few such worlds, so that more seeds are taken

    def worlds(self, count: int) -> list[Case]:
        """Return ``count`` of its worlds."""
        plan = SUITES[self.suite].plan
        found: list[Case] = []
        for seed in range(_SEED, _SEED + (count if self.apart else 1)):
            found += [case for case in plan(Setup("policy", seed)) if self.wanted(case)]
            if self.apart and len(found) >= count:
                break
        return [found[k * len(found) // count] for k in range(count)] if len(found) > count else found


def _is(name: str, value: float | str) -> Callable[[Case], bool]:
    return lambda case: case.conditions.get(name) == value


def _path(count: str) -> Callable[[Case], bool]:
    """Return whether a world has a base round-trip time that is drawn anew, and so many flows."""
    return lambda case: "base of" in case.label and count in case.label


def _jain(values: Mapping[str, Any]) -> float:
    return float(values["jain"])


def _used(values: Mapping[str, Any]) -> float:
    return float(values["utilisation"])


def _queue(values: Mapping[str, Any]) -> float:
    return -float(values["queue_ms"])


def _evenly(values: Mapping[str, Any]) -> float:
    return float(values["min_max"])


def _nearest(values: Mapping[str, Any]) -> float:
    """Return what the one of two who gets less has of its share."""
    return float(min(values["own_share"], values["other_share"]))


_NOISY_ONE = _is("noise", "jitter of 3 ms for one of two, 1 BDP")

CELLS: tuple[Cell, ...] = (
    Cell("grid", "grid", "Jain's index", _jain),
    Cell("grid, use", "grid", "utilisation", _used),
    Cell("grid, queue", "grid", "minus queueing delay (ms)", _queue),
    Cell("unequal RTTs", "rtt", "least over largest", _evenly, apart=True),
    Cell("10 flows, one late", "clocks", "Jain's index", _jain, _is("flows", 10), apart=True),
    Cell("50 flows", "many", "Jain's index", _jain, _is("packets_per_rtt", 8.3), apart=True),
    Cell("75 and 100 flows", "crowd", "Jain's index", _jain, lambda case: case.label[:3] in ("75 ", "100"), apart=True),
    Cell("a share of 0.8 packets", "tiny", "Jain's index", _jain, lambda case: case.label[:2] == "20", apart=True),
    Cell("a new base every 15 s", "changing", "utilisation", _used, _path("1 flow"), apart=True),
    Cell("the same, 3 flows", "changing", "Jain's index", _jain, _path("3 flows"), apart=True),
    Cell("2 % loss", "loss", "utilisation", _used, _is("loss", 2.0), apart=True),
    Cell("satellite, 3 flows", "satellite", "Jain's index", _jain, _is("flows", 3), apart=True),
    Cell("jitter of 3 ms", "noise", "utilisation", _used, _is("noise", "jitter of 3 ms"), apart=True),
    Cell("jitter of 10 ms", "noise", "utilisation", _used, _is("noise", "jitter of 10 ms"), apart=True),
    Cell("one of two noisy", "noise", "least over largest", _evenly, _NOISY_ONE, apart=True),
    Cell("beside CUBIC", "friendliness", "share of who gets less", _nearest, _is("rival", "cubic")),
    Cell("beside BBR", "friendliness", "share of who gets less", _nearest, _is("rival", "bbr")),
)


COURSE = 10
"""Worlds of each family, the first of those where all are judged, for a point of a training's course."""

FEW = ("grid", "50 flows", "jitter of 3 ms", "beside CUBIC", "beside BBR")
"""The cells where policies without a part of them are judged."""


def judge(policy: Policy, worlds: int, cells: Sequence[Cell] = CELLS) -> dict[str, list[float]]:
    """Return the figure of each cell in each of its worlds, by title; the return's begin with ``return, ``."""
    played: dict[tuple[str, int, str], Mapping[str, Any]] = {}
    found = {f"return, {name}": values for name, values in returns(policy, worlds).items()}
    for cell in cells:
        found[cell.title] = []
        for case in cell.worlds(worlds):
            key = (cell.suite, case.world.seed, case.label)
            if key not in played:
                played[key] = SUITES[cell.suite].measure(simulate(case.world, policy=policy))
            found[cell.title].append(cell.value(played[key]))
    return found


def returns(policy: Policy, worlds: int) -> dict[str, list[float]]:
    """Return by family what ``policy`` earns in each of so many worlds of every family, and their weighted means."""
    found: dict[str, list[float]] = {}
    for name, world in worlds_of(rng_of("families", _SEED, 0), worlds, noisy=True, each=1):
        found.setdefault(name, []).append(fitness(simulate(world, policy=policy), FitnessSettings()))
    return {"all": weighted({name: np.array(values) for name, values in found.items()}).tolist(), **found}


def decisions_a_world() -> float:
    """Return how many decisions flows take in a world of an evolution, on average, about: by their round-trip times."""
    law, counts = shipped_policy(), []
    for _, world in worlds_of(rng_of("decisions", _SEED, 0), 3, noisy=True, each=1):
        counts.append(_decisions(simulate(world, policy=law)))
    return float(np.mean(counts))


def _decisions(result: Result) -> float:
    """Return how many control intervals, of 30 ms or half a round-trip time, flows under a policy had."""
    own = np.array([flow.controller.name == "policy" for flow in result.settings.flows])
    intervals = np.maximum(30.0, result.srtt_ms[own] / 2)
    return float(np.nansum(result.settings.sample_ms / intervals))
