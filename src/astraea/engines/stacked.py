"""All chains of a round advance together, their models stacked into one: made for accelerators.

Small models leave a GPU waiting between small operations; fifty of them stacked make operations fifty times as
large (the batching of JAX's vmap, as FedJAX and FedVMAP use it). Batch order is that of the serial engine and
so are the gradients up to rounding; dropout draws from other streams.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from astraea.engines.lockstep import Row, train_rows
from astraea.engines.serial import repeatable
from astraea.federation.clients import Population
from astraea.federation.plan import Chain, ChainResult, RoundPlan, Visit
from astraea.federation.rule import LocalRule
from astraea.federation.training import Deadline, run_chain, seed_dropout, visit_seed
from astraea.federation.vector import VectorModel
from astraea.federation.walk import LateError, Walk

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
                # Views are drawn visit by visit, and features kept call by call.
                apart = self._one_by_one or rule.views > 1 or rule.reads_features
                results = None if apart else self._together(plan, chains, rule, clients)
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
        walks = [Walk(plan, chain, model=self.model) for chain in chains]
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
        self, plan: RoundPlan, walking: Sequence[Walk], place: int, rule: LocalRule, clients: Population
    ) -> None:
        """Make the visit number ``place`` of every chain in ``walking``."""
        rows: list[tuple[Walk, Visit, Row]] = []
        for walk in walking:
            visit = walk.chain.visits[place]
            start = walk.starting(visit.client)
            try:
                data, kept = clients[visit.client], walk.kept_by(visit.client)
            except Exception as error:  # a client whose data cannot be read
                walk.skip(visit, error)
            else:
                order = torch.Generator().manual_seed(visit_seed(plan, visit))
                rows.append((walk, visit, Row(data, order, start.params, start.counters, start.extras, kept)))
        if not rows:
            return
        seed_dropout(visit_seed(plan, rows[0][1]), self.model.device)
        self.model.begin_training()
        began, limit = self.deadline.clock(), self.deadline.seconds
        log_prior = None if plan.prior is None else plan.prior.log()
        training = plan.training_at(place)
        train_rows(
            self.model,
            [row for _, _, row in rows],
            rule,
            training,
            log_prior,
            getattr(clients, "classes", None),
            precision=self.model.precision,
            late=lambda: limit is not None and self.deadline.clock() - began > limit,
        )
        for walk, visit, row in rows:
            if row.late:
                walk.skip(visit, LateError(f"not done within {limit:g} s"))
            else:
                walk.take(visit, row.trained(rule, training, self.model.size, log_prior))
