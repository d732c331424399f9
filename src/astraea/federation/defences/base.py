"""What a defence is: a judgement of each hand-over, and what the server remembers for it from round to round.

A defence is pure. A round has one :class:`Guard`, made before it begins, so that the chains of a round can be walked
side by side, in any process, and end in the same bytes. After the round the defence takes up what its visits measured::

    guard = defence.guard(memory)                            # before a round: RoundPlan.guard
    state, report = guard.judge(before, after, report, walk)  # at each visit: Walk.take calls it
    memory = defence.remember(memory, reports)               # after the round: State.defence, which checkpoints hold
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from astraea.parts import Part

if TYPE_CHECKING:
    from astraea.federation.plan import ChainState, VisitReport
    from astraea.federation.walk import Walk

__all__ = ["Defence", "Guard", "ProbeSamples"]

_KEPT = 100
"""Visits whose measures are remembered: those of the last round, and earlier ones up to this number."""

ProbeSamples = tuple[Tensor, Tensor]
"""Samples ``(n, *sample)``, as a model takes them, and labels ``(n,)``, of the server's own."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A defence during one round: ``memory`` is of the rounds before, ``probe`` what the server has of samples."""

    defence: Defence
    memory: Mapping[str, Tensor] = field(default_factory=dict)
    probe: ProbeSamples | None = None
    known: Mapping[str, list[float]] = field(init=False, repr=False)
    """What visits of rounds before measured, in order of size, so that medians of it are soon found."""
    ready: Any = field(init=False, repr=False, compare=False)
    """What the defence has made of the memory, once for all visits."""

    def __post_init__(self) -> None:
        known = {name: sorted(self.memory[name].tolist()) for name in self.defence.remembers if name in self.memory}
        object.__setattr__(self, "known", known)
        object.__setattr__(self, "ready", self.defence.prepared(self.memory))

    def judge(
        self, before: ChainState, after: ChainState, report: VisitReport, walk: Walk
    ) -> tuple[ChainState, VisitReport]:
        """Return the state to hand on and the visit's report: see :meth:`Defence.judge`."""
        return self.defence.judge(before, after, report, walk, self)


class Defence(Part, kind="defence", default="finite"):
    """What is made of a visit's work before the next client gets it; what is not finite is always refused before."""

    remembers: ClassVar[tuple[str, ...]] = ()
    """Fields of a :class:`VisitReport` that are kept from round to round."""

    sketches: ClassVar[bool] = False
    """Whether it asks which way a visit moved the model, so that who reads the model had better look on the way."""

    def guard(self, memory: Mapping[str, Tensor], probe: ProbeSamples | None = None) -> Guard:
        """Return the guard of a round; ``memory`` is what :meth:`remember` gave after the last one, empty at first."""
        return Guard(self, memory, probe)

    def prepared(self, memory: Mapping[str, Tensor]) -> Any:
        """Return what :meth:`judge` finds in ``guard.ready``: what all visits of a round would else work out alike."""
        return None

    def judge(
        self, before: ChainState, after: ChainState, report: VisitReport, walk: Walk, guard: Guard
    ) -> tuple[ChainState, VisitReport]:
        """Return the state from which the chain goes on, and the report with what was measured and done.

        The visit began at ``before`` and gave ``after``, which is finite; ``walk`` is the chain without it. A report
        that is ``skipped`` says that the work is discarded, and why.
        """
        return after, report

    def remember(self, memory: Mapping[str, Tensor], reports: Iterable[VisitReport]) -> dict[str, Tensor]:
        """Return what is remembered after a round of these ``reports``, in their order."""
        kept, told = {}, list(reports)
        for name in self.remembers:
            found = [value for report in told if (value := getattr(report, name)) is not None]
            earlier = memory.get(name, torch.empty(0, dtype=torch.float64))
            whole = torch.cat([earlier, torch.tensor(found, dtype=torch.float64)])
            kept[name] = whole[-max(_KEPT, len(found)) :].clone()
        return kept

    def measured(self, name: str, walk: Walk, guard: Guard, few: int) -> list[float]:
        """Return what visits measured so far: of earlier rounds or, if those are ``few``, of this chain as well."""
        known = guard.known.get(name, [])
        if len(known) < few:
            known = known + [value for report in walk.reports if (value := getattr(report, name)) is not None]
        return known
