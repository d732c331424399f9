"""All chains of a round advance together, their models stacked into one: made for accelerators.

Small models leave a GPU waiting between small operations; fifty of them stacked make operations fifty times as
large (the batching of JAX's vmap, as FedJAX and FedVMAP use it). Batch order is that of the serial engine and
so are the gradients up to rounding; dropout draws from other streams.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from astraea.engines.lockstep import Row, train_rows
from astraea.engines.serial import repeatable
from astraea.federation.clients import ClientData, Population
from astraea.federation.plan import Chain, ChainResult, ChainState, RoundPlan, Visit, VisitReport
from astraea.federation.rule import LocalRule
from astraea.federation.training import Deadline, failure, run_chain, seed_dropout, visit_seed
from astraea.federation.vector import VectorModel

__all__ = ["StackedEngine"]

_LOG = logging.getLogger(__name__)


class StackedEngine:
    """Executes up to ``width`` chains of a plan as one batched model.

    ``bfloat16`` computes the forward and backward passes in that type where PyTorch's autocast does. A deadline
    is of the visits of all chains together. Where a batched step fails, as for a model with control flow that
    depends on its input, the chains run one by one instead, and the log says why.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        width: int = 64,
        bfloat16: bool = False,
        threads: int = 1,
        visit_deadline: float | None = None,
    ) -> None:
        self.model = VectorModel(module, bfloat16=bfloat16)
        self.width, self.threads = width, threads
        self.deadline = Deadline(visit_deadline, time.monotonic)
        self._here: tuple[Population, Population] | None = None
        self._one_by_one = False

    def execute(self, plan: RoundPlan, rule: LocalRule, population: Population) -> Iterator[ChainResult]:
        """Yield the result of each chain, in plan order."""
        plan = plan.to(self.model.device)
        clients = self._on_device(population)
        for first in range(0, len(plan.chains), self.width):
            chains = plan.chains[first : first + self.width]
            with repeatable(self.model.device, self.threads):
                results = None if self._one_by_one else self._together(plan, chains, rule, clients)
                if results is None:
                    results = [run_chain(plan, chain, self.model, rule, clients, self.deadline) for chain in chains]
            yield from results

    def close(self) -> None:
        """Let go of the samples."""
        self._here = None

    def _on_device(self, population: Population) -> Population:
        if self._here is None or self._here[0] is not population:
            move = getattr(population, "to", None)
            self._here = (population, population if move is None else move(self.model.device))
        return self._here[1]

    def _together(
        self, plan: RoundPlan, chains: Sequence[Chain], rule: LocalRule, clients: Population
    ) -> list[ChainResult] | None:
        walks = [_Walk(chain, plan.start) for chain in chains]
        for place in range(max(len(chain.visits) for chain in chains)):
            walking = [walk for walk in walks if place < len(walk.chain.visits)]
            try:
                self._visit(plan, walking, place, rule, clients)
            except Exception as error:
                reason = " ".join(str(error).split())[:300]
                _LOG.warning("chains run one by one, as they cannot be stacked: %s: %s", type(error).__name__, reason)
                # What fails before a model was ever trained will always fail; later, it is some client's data.
                self._one_by_one = all(not any(r.skipped is None for r in walk.reports) for walk in walks)
                return None
        return [walk.result() for walk in walks]

    def _visit(
        self, plan: RoundPlan, walking: Sequence[_Walk], place: int, rule: LocalRule, clients: Population
    ) -> None:
        """Make the visit number ``place`` of every chain in ``walking``."""
        rows: dict[int, Row] = {}
        for number, walk in enumerate(walking):
            visit = walk.chain.visits[place]
            try:
                rows[number] = walk.row(plan, visit, clients[visit.client])
            except Exception as error:  # a client whose data cannot be read
                walk.skip(visit, failure(error))
        if not rows:
            return
        first = next(iter(rows))
        seed_dropout(visit_seed(plan, walking[first].chain.visits[place]), self.model.device)
        self.model.module.train()
        began, limit = self.deadline.clock(), self.deadline.seconds
        train_rows(
            self.model,
            list(rows.values()),
            rule,
            plan.training,
            None if plan.prior is None else plan.prior.log(),
            getattr(clients, "classes", None),
            precision=self.model.precision,
            late=lambda: limit is not None and self.deadline.clock() - began > limit,
        )
        for number, row in rows.items():
            visit = walking[number].chain.visits[place]
            if row.late:
                walking[number].skip(visit, f"not done within {limit:g} s")
            elif not row.finite:
                walking[number].skip(visit, "the model became NaN or infinite")
            else:
                walking[number].take(visit, row, rule, plan, len(self.model.weights))


@dataclass
class _Walk:
    """A chain under way."""

    chain: Chain
    end: ChainState
    reports: list[VisitReport] = field(default_factory=list)
    states: dict[int, Mapping[str, Tensor]] = field(default_factory=dict)
    counted: set[int] = field(default_factory=set)

    def row(self, plan: RoundPlan, visit: Visit, data: ClientData) -> Row:
        state = self.states.get(visit.client, plan.client_states.get(visit.client, {}))
        order = torch.Generator().manual_seed(visit_seed(plan, visit))
        return Row(data, order, self.end.params, self.end.counters, self.end.extras, state)

    def skip(self, visit: Visit, reason: str) -> None:
        self.reports.append(VisitReport(visit.client, visit.pass_, skipped=reason))

    def take(self, visit: Visit, row: Row, rule: LocalRule, plan: RoundPlan, weights: int) -> None:
        assert row.params is not None
        context = row.context(weights, None if plan.prior is None else plan.prior.log(), plan.training.lr, row.steps)
        extras, kept = rule.finish(row.params[:weights], row.steps, context)
        if kept:
            self.states[visit.client] = kept
        fresh = visit.client not in self.counted
        self.counted.add(visit.client)
        self.end = replace(
            self.end,
            params=row.params,
            counters=row.counters,
            extras=extras,
            examples=self.end.examples + fresh * len(row.data),
            steps=self.end.steps + row.steps,
        )
        samples = len(row.data) * plan.training.epochs
        self.reports.append(VisitReport(visit.client, visit.pass_, samples, row.steps, row.loss))

    def result(self) -> ChainResult:
        return ChainResult(self.chain, self.end, tuple(self.reports), self.states)
