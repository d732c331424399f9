"""The walk of one model along a chain: what happens after each visit, whatever executes the training itself.

Every visit of every engine, and every reply of a Flower client, passes :meth:`Walk.take`. There its work is looked
at, then accepted, handed on and counted, or discarded and reported. No other place decides about a client's work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor

from astraea.federation.plan import Chain, ChainResult, ChainState, RoundPlan, Visit, VisitReport

__all__ = ["Trained", "VisitError", "Walk", "accepted", "finite", "given_up", "reason"]


class VisitError(Exception):
    """A visit whose work is discarded; the message is the reason in the report."""


class Trained(NamedTuple):
    """What a visit gives back.

    ``params`` ``(P,)``, ``counters`` ``(Q,)`` and ``extras`` are handed on, ``kept`` stays with the client.
    ``examples`` are the client's samples, ``samples`` those processed in ``steps`` steps at a mean ``loss``.
    """

    params: Tensor
    counters: Tensor
    extras: Mapping[str, Tensor]
    kept: Mapping[str, Tensor]
    examples: int
    samples: int
    steps: int
    loss: float


def accepted(before: ChainState, after: ChainState, report: VisitReport, walk: Walk) -> ChainState:
    """Return the state from which the chain goes on after a visit, which began at ``before`` and gave ``after``.

    ``walk`` is the chain so far, without this visit. Raises :class:`VisitError` if the visit's work is to be
    discarded. A defence against clients that are not to be trusted belongs here: it may return a changed state.
    """
    if not finite(after.params):
        raise VisitError("the model became NaN or infinite")
    return after


class Walk:
    """A chain under way: ``state`` is what its next visit trains, ``reports`` are those of the visits so far.

    ``passes()`` is the context of passes over a whole model, for who can lend them more threads.
    """

    __slots__ = ("_counted", "_passes", "chain", "client_states", "plan", "reports", "state")

    def __init__(
        self, plan: RoundPlan, chain: Chain, passes: Callable[[], AbstractContextManager[Any]] = nullcontext
    ) -> None:
        self.plan, self.chain, self._passes = plan, chain, passes
        self.state = plan.start
        self.reports: list[VisitReport] = []
        self.client_states: dict[int, Mapping[str, Tensor]] = {}
        self._counted: set[int] = set()

    def kept_by(self, client: int) -> Mapping[str, Tensor]:
        """Return what a client kept from its last visit, of this chain or of an earlier round."""
        found = self.client_states.get(client)
        return self.plan.client_states.get(client, {}) if found is None else found

    def take(self, visit: Visit, trained: Trained) -> bool:
        """Hand on and count what a visit gave, or skip it; return whether it was accepted.

        A client's samples count once towards the chain's weight, however often it is visited.
        """
        before, (client, pass_) = self.state, (visit.client, visit.pass_)
        fresh = client not in self._counted
        after = ChainState(
            trained.params,
            trained.counters,
            trained.extras,
            before.examples + trained.examples if fresh else before.examples,
            before.steps + trained.steps,
        )
        report = VisitReport(client, pass_, trained.samples, trained.steps, trained.loss)
        try:
            with self._passes():
                after = accepted(before, after, report, self)
        except VisitError as error:
            self.skip(visit, error)
            return False
        self.state = after
        self.reports.append(report)
        self._counted.add(client)
        if trained.kept:
            self.client_states[client] = trained.kept
        return True

    def skip(self, visit: Visit, error: Exception) -> None:
        """Report a visit that gave nothing, because of ``error``; the chain goes on from its last good model."""
        self.reports.append(VisitReport(visit.client, visit.pass_, skipped=reason(error)))

    def result(self) -> ChainResult:
        """Return what came of the chain."""
        return ChainResult(self.chain, self.state, tuple(self.reports), self.client_states)


def finite(params: Tensor) -> bool:
    """Whether ``params`` holds neither NaN nor infinity."""
    # The sum of finite numbers may overflow, but that of others is never finite: one cheap pass decides.
    return math.isfinite(params.sum()) or bool(torch.isfinite(params).all())


def given_up(plan: RoundPlan, chain: Chain, why: str) -> ChainResult:
    """Return the result of a chain that was lost as a whole: all of its visits are skipped because of ``why``."""
    walk = Walk(plan, chain)
    for visit in chain.visits:
        walk.skip(visit, VisitError(why))
    return walk.result()


def reason(error: Exception) -> str:
    """Return the reason in the report of a visit that ``error`` ended."""
    text = " ".join(str(error).split())
    return text if isinstance(error, VisitError) else f"{type(error).__name__}: {text}"[:300]
