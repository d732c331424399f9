"""Norm clipping in chains: no visit moves the model further than visits usually do."""

from __future__ import annotations

from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from astraea.federation.defences.base import Defence, Guard

if TYPE_CHECKING:
    from astraea.federation.plan import ChainState, VisitReport
    from astraea.federation.walk import Walk

__all__ = ["FEW", "Clip", "norm"]

FEW = 5
"""Visits that must have been measured before their median counts."""

_BLOCK = 32768


class Clip(Defence, name="clip"):
    """Changes longer than a multiple of the median of recent visits are shortened to it; nothing is discarded.

    The norm is that of the whole change, buffers included, by the round's learning rate. The median is over the visits
    of the rounds before, unclipped, and in the first round over those of the chain so far; until five are known, half
    the norm of the model (at least 1) is the bound. A median stands while fewer than half of the visits are hostile.
    """

    remembers: ClassVar[tuple[str, ...]] = ("norm",)

    multiple: float = Field(
        2.0,
        gt=0,
        allow_inf_nan=False,
        description="Longest change of a visit, in medians of recent visits: 1 shortens every second honest one.",
    )

    def judge(
        self, before: ChainState, after: ChainState, report: VisitReport, walk: Walk, guard: Guard
    ) -> tuple[ChainState, VisitReport]:
        """Return the state with the change shortened, what travels beside the model too; the report tells its norm."""
        change = after.params - before.params
        length, bound = norm(change), self.bound(before, walk, guard)
        if length <= bound:
            return after, report._replace(norm=length)
        factor = bound / length
        extras = {name: start + factor * (after.extras[name] - start) for name, start in before.extras.items()}
        params = torch.add(before.params, change, alpha=factor)
        return replace(after, params=params, extras=extras), report._replace(norm=length, clipped=factor)

    def bound(self, before: ChainState, walk: Walk, guard: Guard) -> float:
        """Return the longest change of this visit."""
        known = self.measured("norm", walk, guard, FEW)
        if len(known) < FEW:
            return max(0.5 * norm(before.params), 1.0)
        return self.multiple * median(known) * (walk.plan.training.lr or 1.0)


def norm(vector: Tensor) -> float:
    """Return the Euclidean norm of ``vector`` ``(P,)``: the same bits however many threads there are."""
    whole = len(vector) // _BLOCK * _BLOCK
    rows = torch.linalg.vector_norm(vector[:whole].view(-1, _BLOCK), dim=1, dtype=torch.float64)
    rest = torch.linalg.vector_norm(vector[whole:], dtype=torch.float64)
    return float(torch.linalg.vector_norm(torch.cat([rows, rest[None]])))
