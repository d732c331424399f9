"""Where the policies of the comparison are judged: cells of the evaluation's suites, in worlds of their own seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from astraea.congestion.evaluation.catalogue import SUITES
from astraea.congestion.evaluation.suite import Case, Setup
from astraea.congestion.play import simulate
from astraea.congestion.policy import Policy

__all__ = ["CELLS", "Cell", "judge"]

_SEED = 3000  # of the first worlds: no training, selection or published evaluation has it


@dataclass(frozen=True)
class Cell:
    """Some worlds of a suite, and the one figure that counts there: the larger the better."""

    title: str
    suite: str
    figure: str
    value: Callable[[Mapping[str, Any]], float]
    wanted: Callable[[Case], bool] = lambda _: True
    apart: bool = False  # whether a seed has one such world, so that each world takes a seed

    def worlds(self, count: int) -> list[Case]:
        """Return ``count`` of its worlds."""
        plan = SUITES[self.suite].plan
        seeds = range(_SEED, _SEED + count) if self.apart else (_SEED,)
        found = [case for seed in seeds for case in plan(Setup("policy", seed)) if self.wanted(case)]
        return [found[k * len(found) // count] for k in range(count)] if len(found) > count else found


def _kind(name: str, value: str) -> Callable[[Case], bool]:
    return lambda case: case.conditions.get(name) == value


def _nearest(values: Mapping[str, Any]) -> float:
    """Return what the one of two who gets less has of its share."""
    return float(min(values["own_share"], values["other_share"]))


CELLS: tuple[Cell, ...] = (
    Cell("grid", "grid", "Jain's index", lambda values: float(values["jain"])),
    Cell("grid, use", "grid", "utilisation", lambda values: float(values["utilisation"])),
    Cell(
        "jitter of 3 ms", "noise", "utilisation", lambda values: float(values["utilisation"]),
        _kind("noise", "jitter of 3 ms"), apart=True,
    ),
    Cell(
        "jitter of 10 ms", "noise", "utilisation", lambda values: float(values["utilisation"]),
        _kind("noise", "jitter of 10 ms"), apart=True,
    ),
    Cell("beside CUBIC", "friendliness", "share of who gets less", _nearest, _kind("rival", "cubic")),
    Cell("beside BBR", "friendliness", "share of who gets less", _nearest, _kind("rival", "bbr")),
)  # fmt: skip


def judge(policy: Policy, worlds: int) -> dict[str, list[float]]:
    """Return the figure of each cell in each of its worlds, by title."""
    played: dict[tuple[str, int, str], Mapping[str, Any]] = {}
    found: dict[str, list[float]] = {}
    for cell in CELLS:
        found[cell.title] = []
        for case in cell.worlds(worlds):
            key = (cell.suite, case.world.seed, case.label)
            if key not in played:
                played[key] = SUITES[cell.suite].measure(simulate(case.world, policy=policy))
            found[cell.title].append(cell.value(played[key]))
    return found
