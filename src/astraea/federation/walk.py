"""The walk of one model along a chain: what happens after each visit, whatever executes the training itself.

Every visit of every engine, and every reply of a Flower client, passes :meth:`Walk.take`. There its work is looked
at, then accepted, handed on and counted, or discarded and reported. No other place decides about a client's work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from astraea.federation.plan import Chain, ChainResult, ChainState, RoundPlan, Visit, VisitReport
from astraea.seeding import Purpose, torch_seed

if TYPE_CHECKING:
    from astraea.federation.quantisation import Quantised
    from astraea.federation.vector import VectorModel

__all__ = [
    "LateError",
    "Trained",
    "VisitError",
    "Walk",
    "accepted",
    "finite",
    "given_up",
    "reason",
    "room_for_sum",
    "rounding_seed",
]


class VisitError(Exception):
    """A visit whose work is discarded; the message is the reason in the report."""


class LateError(VisitError):
    """A visit that took too long: the work may be good, and a round of nothing else leaves the model as it was."""


class Trained(NamedTuple):
    """What a visit gives back.

    ``params`` ``(P,)``, ``counters`` ``(Q,)`` and ``extras`` are handed on, ``kept`` stays with the client.
    ``examples`` are the client's samples, ``samples`` those processed in ``steps`` steps at a mean ``loss``.
    ``finite`` says that ``params`` are known to hold neither NaN nor infinity, ``length`` is the norm of their change
    if that is known and ``direction`` the sketch of it, ``bounded`` that the client counts for less than it holds
    (``balance.most_samples``), ``rounded`` that the change really came in few bits and is not to be rounded again.
    """

    params: Tensor
    counters: Tensor
    extras: Mapping[str, Tensor]
    kept: Mapping[str, Tensor]
    examples: int
    samples: int
    steps: int
    loss: float
    finite: bool = False
    length: float | None = None
    bounded: bool = False
    direction: bytes | None = None
    rounded: bool = False


def accepted(
    before: ChainState, after: ChainState, report: VisitReport, walk: Walk, *, known: bool = False
) -> tuple[ChainState, VisitReport]:
    """Return the state from which the chain goes on after a visit, which began at ``before`` and gave ``after``.

    ``walk`` is the chain so far, without this visit; ``known`` says that the parameters are finite. The plan's defence
    may change the state, and add to the report what it measured and did. Raises :class:`VisitError` if the visit's work
    is not finite.
    """
    if not (known or finite(after.params)) or not all(finite(value) for value in after.extras.values()):
        raise VisitError("the model became NaN or infinite")
    guard = walk.plan.guard
    return (after, report) if guard is None else guard.judge(before, after, report, walk)


def room_for_sum(params: Tensor) -> Tensor:
    """Return memory for a sum of models like ``params``."""
    return torch.empty_like(params, dtype=torch.promote_types(params.dtype, torch.float32))


class Walk:
    """A chain under way: ``state`` is what its next visit trains, ``reports`` are those of the visits so far.

    Where models travel in few bits, ``state`` is what arrives at the client, ``held`` what the mediator has, and
    ``sent`` what goes in place of its weights.
    ``passes()`` is the context of passes over a whole model, for who can lend them more threads. A defence that tries
    models on the server's samples needs the ``model``. ``room(params)`` returns memory for a sum of such models.
    """

    __slots__ = (
        "_counted",
        "_model",
        "_passes",
        "_room",
        "_summed",
        "_weight",
        "chain",
        "client_states",
        "held",
        "plan",
        "reports",
        "sent",
        "state",
    )

    def __init__(
        self,
        plan: RoundPlan,
        chain: Chain,
        passes: Callable[[], AbstractContextManager[Any]] = nullcontext,
        model: VectorModel | None = None,
        room: Callable[[Tensor], Tensor] = room_for_sum,
    ) -> None:
        self.plan, self.chain, self._passes, self._model, self._room = plan, chain, passes, model, room
        self._hold(plan.start)
        self.reports: list[VisitReport] = []
        self.client_states: dict[int, Mapping[str, Tensor]] = {}
        self._counted: set[int] = set()
        self._summed: Tensor | None = None
        self._weight = 0

    def kept_by(self, client: int) -> Mapping[str, Tensor]:
        """Return what a client kept for its rule from its last visit, of this chain or of an earlier round."""
        kept = self._kept(client)
        return kept if self.plan.personal is None else self.plan.personal.rest(kept)

    def starting(self, client: int) -> ChainState:
        """Return what a client begins its visit with: the chain's model, with its own personal layers in it."""
        personal = self.plan.personal
        return self.state if personal is None else personal.starting(self.state, self._kept(client))

    def _kept(self, client: int) -> Mapping[str, Tensor]:
        found = self.client_states.get(client)
        return self.plan.client_states.get(client, {}) if found is None else found

    def take(self, visit: Visit, trained: Trained) -> bool:
        """Hand on and count what a visit gave, or skip it; return whether it was accepted.

        A client's samples count once towards the chain's weight, however often it is visited.
        """
        before, came, (client, pass_) = self.state, trained.params, (visit.client, visit.pass_)
        own = {} if self.plan.personal is None else self.plan.personal.part(trained.params, trained.counters)
        trained = self._without_personal(before, trained)
        if self.plan.adversary is not None:
            trained = self.plan.adversary.handed_on(self.plan, visit, before, trained)
            trained = self._without_personal(before, trained)
        fresh, held = client not in self._counted, self.plan.counts.get(client, trained.examples)
        after = ChainState(
            trained.params if trained.rounded else self._returned(before, visit, trained.params),
            trained.counters,
            trained.extras,
            before.examples + held if fresh else before.examples,
            before.steps + trained.steps,
        )
        as_it_came = after.params is came
        bounded = trained.bounded or held < trained.examples
        report = VisitReport(client, pass_, trained.samples, trained.steps, trained.loss, bounded=bounded)
        if as_it_came and trained.length is not None:
            report = report._replace(length=trained.length, direction=trained.direction)
        try:
            if not all(map(finite, own.values())):
                raise VisitError("the client's personal layers became NaN or infinite")
            with self._passes():
                after, report = accepted(before, after, report, self, known=trained.finite and as_it_came)
        except VisitError as error:
            self.skip(visit, error)
            return False
        if report.skipped is not None:
            self.reports.append(report._replace(samples=0, steps=0))
            return False
        self._hold(after if self.plan.handover is None else self._changed(before, after))
        if self.plan.returns == "mean" and len(self.chain.visits) > 1:
            self._sum_up(held)
        self.reports.append(report)
        self._counted.add(client)
        if trained.kept or own:
            self.client_states[client] = {**trained.kept, **own}
        return True

    def skip(self, visit: Visit, error: Exception) -> None:
        """Report a visit that gave nothing, because of ``error``; the chain goes on from its last good model."""
        self.reports.append(
            VisitReport(visit.client, visit.pass_, skipped=reason(error), late=isinstance(error, LateError))
        )

    def loss(self, state: ChainState, samples: tuple[Tensor, Tensor]) -> float:
        """Return the mean cross-entropy of a model on samples ``(n, *sample)`` with labels ``(n,)``."""
        assert self._model is not None, "whoever plans a defence that needs a model gives the walk one"
        with self._model.holding(state.params, state.counters), torch.inference_mode():
            return float(torch.nn.functional.cross_entropy(self._model.outputs(samples[0]), samples[1]))

    def result(self) -> ChainResult:
        """Return what came of the chain."""
        end = self.held
        if self._summed is not None:
            end = replace(end, params=self._summed.div_(self._weight).to(end.params.dtype))
            self._weight = 1
        return ChainResult(self.chain, end, tuple(self.reports), self.client_states)

    def _sum_up(self, examples: int) -> None:
        """Add the mediator's model to the mean of all that it held, for a client of so many ``examples``."""
        params = self.held.params
        if self._summed is None:
            room = self._room(params)
            self._summed = torch.mul(params.to(room.dtype), examples, out=room)
        else:
            self._summed.add_(params, alpha=examples)
        self._weight += examples

    def _without_personal(self, before: ChainState, trained: Trained) -> Trained:
        """Return what a client gives back with the personal layers that came to it in the model."""
        if self.plan.personal is None:
            return trained
        params, counters = self.plan.personal.handed_on(trained.params, trained.counters, before)
        return trained._replace(params=params, counters=counters)

    def _hold(self, held: ChainState) -> None:
        handover = self.plan.handover
        self.held = self.state = held
        self.sent: Quantised | None = None
        if handover is not None:
            self.sent = handover.sent(held.params)
            self.state = replace(held, params=handover.arriving(self.sent, handover.buffers(held.params)))

    def _returned(self, before: ChainState, visit: Visit, params: Tensor) -> Tensor:
        """Return what arrives at the mediator of the model ``params`` that a visit made of ``before``."""
        handover = self.plan.handover
        if handover is None or not finite(params - before.params):  # refused as it is, or as its judge says
            return params
        change = handover.change(before.params, params, rounding_seed(self.plan, visit))
        return handover.returned(before.params, change, handover.buffers(params))

    def _changed(self, before: ChainState, after: ChainState) -> ChainState:
        """Return the mediator's model with the change from ``before`` to ``after``, which a client made."""
        return replace(after, params=self.held.params + (after.params - before.params))


def rounding_seed(plan: RoundPlan, visit: Visit) -> int:
    """Return the seed from which a visit's change is rounded."""
    return torch_seed(plan.seed, Purpose.HANDOVER, plan.round, visit.client, visit.pass_)


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
