"""Loss on samples of the server's own: a visit that makes the model far worse than visits usually do is discarded."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from pydantic import Field

from astraea.data.scenario import Scenario
from astraea.errors import InputError
from astraea.federation.clients import as_input
from astraea.federation.defences.base import Defence, Guard, ProbeSamples
from astraea.federation.defences.clip import FEW, Clip

if TYPE_CHECKING:
    from astraea.federation.plan import ChainState, VisitReport
    from astraea.federation.walk import Walk

__all__ = ["Probe", "probe_samples"]

_DEVIATION = 1.4826
"""Median absolute deviation of a normal distribution, inverted: times this, it is the standard deviation."""


class Probe(Clip, name="probe"):
    """Clipped as by clip, and discarded where the loss on the server's validation samples rises by far too much.

    A client of few classes makes the model worse on all others, and is no enemy for that: the bound is the median rise
    of recent visits and several of their deviations, not zero.
    """

    remembers: ClassVar[tuple[str, ...]] = ("pace", "rise")

    samples: int = Field(200, ge=1, description="Validation samples on which a model is tried, at most.")
    deviations: float = Field(
        6.0,
        gt=0,
        allow_inf_nan=False,
        description="Rise of the loss above the usual one, in robust standard deviations, from which a visit is "
        "discarded.",
    )

    def judge(
        self, before: ChainState, after: ChainState, report: VisitReport, walk: Walk, guard: Guard
    ) -> tuple[ChainState, VisitReport]:
        """Return the clipped state, or a report that is skipped: see :meth:`Defence.judge`."""
        state, report = super().judge(before, after, report, walk, guard)
        if report.skipped is not None:
            return state, report
        assert guard.probe is not None
        earlier = [one.probe for one in walk.reports if one.skipped is None and one.probe is not None]
        start = earlier[-1] if earlier else walk.loss(before, guard.probe)
        found = walk.loss(state, guard.probe)
        report = report._replace(probe=found, rise=found - start)
        known = self.measured("rise", walk, guard, FEW)
        if len(known) >= FEW:
            usual = median(known)
            spread = _DEVIATION * median(abs(value - usual) for value in known)
            most = usual + self.deviations * max(spread, 0.01)
            if not found - start <= most:
                reason = f"the loss on the server's samples rose by {found - start:.3g}; {most:.3g} is allowed"
                return before, report._replace(skipped=reason)
        return state, report


def probe_samples(defence: Defence, scenario: Scenario | None) -> ProbeSamples | None:
    """Return the validation samples of ``scenario`` on which ``defence`` tries models, evenly taken from all of them.

    Raises :class:`InputError` if it needs some and there are none.
    """
    if not isinstance(defence, Probe):
        return None
    held = None if scenario is None or scenario.regression is not None else scenario.validation
    if held is None or held.sets is not None:
        raise InputError(
            "server.defence 'probe' tries models on validation samples of classes: set evaluation.validation, such as "
            "0.1, or take the defence 'clip'"
        )
    rows = np.unique(np.linspace(0, len(held) - 1, min(defence.samples, len(held))).astype(np.int64))
    return as_input(torch.tensor(held.x[rows]), held.form), torch.tensor(held.y[rows])
