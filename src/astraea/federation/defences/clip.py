"""Norm clipping in chains: no visit moves the model much further than visits usually do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from astraea.federation.defences.base import Defence, Guard
from astraea.federation.norm import norm

if TYPE_CHECKING:
    from astraea.federation.plan import ChainState, VisitReport
    from astraea.federation.walk import Walk

__all__ = ["FEW", "Clip", "lost", "too_long"]

FEW = 5
"""Visits that must have been measured before their median counts."""

_ROUNDS = "rounds"  # in the memory: in how many rounds each client was measured, as far as that is asked for


class Clip(Defence, name="clip"):
    """Changes longer than those of most recent visits are shortened, and discarded where they are far longer.

    A change is compared by its pace, its norm (buffers included) by the round's learning rate and by the root of its
    optimiser steps, so that clients with much data may move the model further. The median is over the visits of the
    rounds before, unclipped, and in the first round over those of the chain so far; until five are known, ``first`` of
    the norm of the model (at least 2) is the bound. A median stands while fewer than half of the visits are hostile; so
    where more than half of a chain's visits so far were discarded, it no longer says what is usual and changes are
    shortened.
    Whoever is new may differ for a good reason: ``grace`` keeps its first changes from being discarded. So may whoever
    has far more samples than others, for which only as many steps as ``balance.most_samples`` allows are believed:
    ``spare_large`` keeps its changes from being discarded.
    """

    remembers: ClassVar[tuple[str, ...]] = ("pace",)

    multiple: float = Field(
        2.0,
        gt=0,
        allow_inf_nan=False,
        description="Pace to which faster changes are shortened, in medians of recent visits: 1 shortens every second "
        "honest one, 2 about one in twenty, 3 one in three hundred.",
    )
    discard: float = Field(
        4.0, gt=0, description="Pace from which changes are discarded, in the same medians (inf: none is)."
    )
    first: float = Field(
        0.5,
        gt=0,
        allow_inf_nan=False,
        description="Share of the model's norm to which changes are shortened until five are known.",
    )
    grace: int = Field(
        0,
        ge=0,
        description="Rounds of a client in which its changes are shortened at most, however far they go; in the ones "
        "after they can be discarded.",
    )
    spare_large: bool = Field(
        False,
        description="Whether changes of a client that says it holds more than it counts for (balance.most_samples) are "
        "shortened at most.",
    )

    def judge(
        self, before: ChainState, after: ChainState, report: VisitReport, walk: Walk, guard: Guard
    ) -> tuple[ChainState, VisitReport]:
        """Return the state with the change shortened, what travels beside the model too; the report tells its pace."""
        length, report = self._looked_at(before, after, report, walk, guard)
        unit = self._unit(report, walk)
        report = report._replace(pace=length / unit)
        known = self.measured("pace", walk, guard, FEW)
        if len(known) < FEW:
            bound = self.first * max(norm(before.params), 2.0)
        else:
            usual = unit * median(known)
            reason = self._refused(length, usual, report, walk, guard)
            if reason is not None:
                return before, report._replace(skipped=reason)
            bound = self._most(report) * usual
        if length <= bound:
            return after, report
        factor = bound / length
        extras = {name: start + factor * (after.extras[name] - start) for name, start in before.extras.items()}
        params = torch.add(before.params, after.params - before.params, alpha=factor)
        return replace(after, params=params, extras=extras), report._replace(clipped=factor)

    def remember(self, memory: Mapping[str, Tensor], reports: Iterable[VisitReport]) -> dict[str, Tensor]:
        """Return what is remembered after a round of these ``reports``: with ``grace``, each client's rounds too."""
        told = list(reports)
        kept = super().remember(memory, told)
        if self.grace:
            seen = sorted({report.client for report in told if report.pace is not None})
            earlier = memory.get(_ROUNDS, torch.empty(0, dtype=torch.int64))
            rounds = torch.zeros(max([len(earlier), *(client + 1 for client in seen)]), dtype=torch.int64)
            rounds[: len(earlier)] = earlier
            rounds[seen] += 1
            kept[_ROUNDS] = rounds.clamp_(max=self.grace)
        return kept

    def _looked_at(
        self, before: ChainState, after: ChainState, report: VisitReport, walk: Walk, guard: Guard
    ) -> tuple[float, VisitReport]:
        """Return the norm of a visit's change, and the report with what else was seen of it."""
        return norm(after.params, before.params) if report.length is None else report.length, report

    def _unit(self, report: VisitReport, walk: Walk) -> float:
        """Return the learning rate times the root of a visit's steps, as far as its samples can have taken that many.

        Who counts no steps, as Flower's clients do, took as many as its samples can have.
        """
        training = walk.plan.training_at(len(walk.reports))
        most = report.samples // training.batch_size + max(training.epochs, 1)
        return (training.lr or 1.0) * math.sqrt(max(1, min(report.steps or most, most)))

    def _refused(self, length: float, usual: float, report: VisitReport, walk: Walk, guard: Guard) -> str | None:
        """Return why a change of ``length`` is discarded where ``usual`` is what others are; ``None`` if it is not."""
        if length <= self.discard * usual or lost(walk):
            return None
        spared = (self.spare_large and report.bounded) or self._new(report, guard)
        return None if spared else too_long(length, usual, self.discard)

    def _most(self, report: VisitReport) -> float:
        """Return how many times as far as usual a change may go before it is shortened."""
        return self.multiple

    def _new(self, report: VisitReport, guard: Guard) -> bool:
        """Whether a client has not yet been there for as many rounds as ``grace`` says."""
        rounds = guard.memory.get(_ROUNDS, torch.empty(0))
        return (int(rounds[report.client]) if report.client < len(rounds) else 0) < self.grace


def too_long(length: float, usual: float, allowed: float) -> str:
    """Return the sentence about a change that is discarded for its length."""
    times = f"{length / usual:.3g} times as long as those" if usual else "not zero as those"
    return f"its change is {times} of most visits: {allowed:g} is allowed"


def lost(walk: Walk) -> bool:
    """Whether more visits of the chain were discarded than hostile clients can account for."""
    return 2 * sum(report.skipped is not None for report in walk.reports) > len(walk.reports)
