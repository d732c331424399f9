"""Norm clipping in chains: no visit moves the model much further than visits usually do."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from astraea.federation.defences.base import Defence, Guard

if TYPE_CHECKING:
    from astraea.federation.plan import ChainState, LocalTraining, VisitReport
    from astraea.federation.walk import Walk

__all__ = ["FEW", "Clip", "norm"]

FEW = 5
"""Visits that must have been measured before their median counts."""

_BLOCK = 32768


class Clip(Defence, name="clip"):
    """Changes longer than those of most recent visits are shortened, and discarded where they are far longer.

    A change is compared by its pace, its norm (buffers included) by the round's learning rate and by the root of its
    optimiser steps, so that clients with much data may move the model further. The median is over the visits of the
    rounds before, unclipped, and in the first round over those of the chain so far; until five are known, half the norm
    of the model (at least 1) is the bound. A median stands while fewer than half of the visits are hostile; so where
    more than half of a chain's visits so far were discarded, it no longer says what is usual and changes are shortened.
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

    def judge(
        self, before: ChainState, after: ChainState, report: VisitReport, walk: Walk, guard: Guard
    ) -> tuple[ChainState, VisitReport]:
        """Return the state with the change shortened, what travels beside the model too; the report tells its pace."""
        change = after.params - before.params
        length, unit = norm(change), _unit(report, walk.plan.training)
        report = report._replace(pace=length / unit)
        known = self.measured("pace", walk, guard, FEW)
        if len(known) < FEW:
            bound = max(0.5 * norm(before.params), 1.0)
        else:
            usual = unit * median(known)
            if length > self.discard * usual and not _lost(walk):
                times = f"{length / usual:.3g} times as long as those" if usual else "not zero as those"
                reason = f"its change is {times} of most visits: {self.discard:g} is allowed"
                return before, report._replace(skipped=reason)
            bound = self.multiple * usual
        if length <= bound:
            return after, report
        factor = bound / length
        extras = {name: start + factor * (after.extras[name] - start) for name, start in before.extras.items()}
        params = torch.add(before.params, change, alpha=factor)
        return replace(after, params=params, extras=extras), report._replace(clipped=factor)


def _lost(walk: Walk) -> bool:
    """Whether more visits of the chain were discarded than hostile clients can account for."""
    return 2 * sum(report.skipped is not None for report in walk.reports) > len(walk.reports)


def _unit(report: VisitReport, training: LocalTraining) -> float:
    """Return the learning rate times the root of a visit's steps, as far as its samples can have taken that many.

    Who counts no steps, as Flower's clients do, took as many as its samples can have.
    """
    most = report.samples // training.batch_size + max(training.epochs, 1)
    return (training.lr or 1.0) * math.sqrt(max(1, min(report.steps or most, most)))


def norm(vector: Tensor) -> float:
    """Return the Euclidean norm of ``vector`` ``(P,)``: the same bits however many threads there are."""
    whole = len(vector) // _BLOCK * _BLOCK
    rows = torch.linalg.vector_norm(vector[:whole].view(-1, _BLOCK), dim=1, dtype=torch.float64)
    rest = torch.linalg.vector_norm(vector[whole:], dtype=torch.float64)
    return float(torch.linalg.vector_norm(torch.cat([rows, rest[None]])))
