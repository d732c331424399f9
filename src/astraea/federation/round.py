"""One round: what came of its chains is added up and counted as it arrives, by whoever executes the plan."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astraea.balance.divergence import kl_to_uniform
from astraea.errors import RunError
from astraea.federation.algorithms.base import Algorithm, State
from astraea.federation.plan import ChainResult, RoundPlan

__all__ = ["Metrics", "Round", "RoundMetrics", "Simulated", "Totals"]

Metrics = dict[str, Any]
"""One line of ``metrics.jsonl``: plain numbers under the names that the metrics page explains."""

_COUNTERS = (
    "client_epochs",
    "samples_processed",
    "optimizer_steps",
    "critical_path_steps",
    "bytes_sent",
    "visits_skipped",
)


class Totals(Mapping[str, int | float]):
    """What a run has cost so far, all clients together, by name; what else is counted comes after these.

    The critical path counts each round's longest chain.
    """

    __slots__ = ("_counts",)

    def __init__(self, counts: Mapping[str, int | float] | None = None) -> None:
        self._counts: dict[str, int | float] = dict.fromkeys(_COUNTERS, 0) | dict(counts or {})

    def __getitem__(self, name: str) -> int | float:
        return self._counts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)

    def __repr__(self) -> str:
        return f"Totals({self._counts})"

    def plus(self, amounts: Mapping[str, int | float]) -> Totals:
        """Return the totals with ``amounts`` added; a name that is new begins at 0."""
        return Totals(self._counts | {name: self._counts.get(name, 0) + amount for name, amount in amounts.items()})


@dataclass(frozen=True)
class Simulated:
    """What a simulated network makes of a round: its plan with every mediator placed, how long it takes, its metrics.

    The chains with the ids of ``late`` are not back in time, for a ``reason``.
    """

    plan: RoundPlan
    seconds: float
    metrics: Metrics
    late: tuple[int, ...] = ()
    reason: str = ""


class Round:
    """A round under way: ``plan`` is to be executed, and results are added one at a time, in plan order.

    Where a network is ``simulated``, chains that are late there are not trained, and counted as skipped: ``plan`` has
    none if all are. Visits that were late leave the model as it was; too few chains in time for the average do so too.
    """

    def __init__(self, algorithm: Algorithm, plan: RoundPlan, simulated: Simulated | None = None) -> None:
        whole = plan if simulated is None else simulated.plan
        self.metrics = RoundMetrics(whole)
        self.plan = plan if simulated is None else self.metrics.in_time(simulated)
        self._algorithm, self._total, self._trained = algorithm, algorithm.zero(whole), 0

    def add(self, result: ChainResult) -> None:
        """Add up and count what came of one chain."""
        self._total = self._algorithm.add(self._total, result)
        self._trained += result.trained
        self.metrics.add(result)

    def finish(self, state: State, totals: Totals, histograms: NDArray[np.int64]) -> tuple[State, Totals, Metrics]:
        """Return the state after the round, the totals with the round's, and its line of metrics.

        ``histograms`` ``(K, N)`` count what each client trains on. Raises :class:`RunError` if every visit that was in
        time failed.
        """
        self.metrics.check()
        after, line = self.metrics.counted(totals, histograms)
        aggregator = self._algorithm.server.aggregator
        if self.metrics.late and 0 < self._trained < aggregator.fewest:
            line["kept"] = (
                f"the model before, since server.aggregation '{aggregator.name}' needs {aggregator.fewest} chains, and "
                f"{self._trained} came in time"
            )
            return replace(state, round=state.round + 1), after, line
        return self._algorithm.finish(state, self._total), after, line


class RoundMetrics:
    """Counts one round: what it cost, what was skipped, and its line of metrics."""

    def __init__(self, plan: RoundPlan) -> None:
        self.plan = plan
        self.steps: list[int] = []
        self.reports = 0
        self.samples = 0
        self.loss = 0.0
        self.skipped: list[tuple[int, int, str]] = []
        self.failed: list[tuple[int, str]] = []
        self.late = 0
        self.clipped: list[tuple[int, int, float]] = []
        self.simulated: Simulated | None = None

    def in_time(self, simulated: Simulated) -> RoundPlan:
        """Count the simulated time, and chains that are late as skipped; return the plan without them."""
        self.simulated = simulated
        late = [chain for chain in self.plan.chains if chain.id in simulated.late]
        self.skipped += [(visit.client, visit.pass_, simulated.reason) for chain in late for visit in chain.visits]
        self.late = len(self.skipped)
        self.reports += self.late
        kept = [chain for chain in self.plan.chains if chain.id not in simulated.late]
        return replace(self.plan, chains=tuple(replace(chain, id=i) for i, chain in enumerate(kept)))

    def add(self, result: ChainResult) -> None:
        """Count one chain."""
        self.steps.append(result.end.steps)
        for report in result.reports:
            self.reports += 1
            if report.skipped is None:
                if report.samples:
                    self.samples += report.samples
                    self.loss += report.loss * report.samples
                if report.clipped < 1:
                    self.clipped.append((report.client, report.pass_, report.clipped))
            else:
                self.skipped.append((report.client, report.pass_, report.skipped))
                if report.late:
                    self.late += 1
                else:
                    self.failed.append((report.client, report.skipped))

    def check(self) -> None:
        """Raise :class:`RunError` if visits failed, and none that was in time did not."""
        if self.failed and len(self.skipped) == self.reports:
            client, reason = self.failed[0]
            late = f" that were in time, {self.late} being late" if self.late else ""
            mend = "lower train.lr" if "infinite" in reason else "mend the model, the data or the part that says so"
            raise RunError(
                f"round {self.plan.round + 1}: all {len(self.failed)} visits failed{late}, the first (client {client}) "
                f"because: {reason}; {mend}"
            )

    def counted(self, totals: Totals, histograms: NDArray[np.int64]) -> tuple[Totals, Metrics]:
        """Return ``totals`` with this round's added, and the round's line of metrics.

        ``histograms`` ``(K, N)`` count what each client trains on.
        """
        succeeded = self.reports - len(self.skipped)
        counts: dict[str, int | float] = {
            "client_epochs": succeeded * self.plan.training.epochs,
            "samples_processed": self.samples,
            "optimizer_steps": sum(self.steps),
            "critical_path_steps": max(self.steps, default=0),
            "bytes_sent": self.plan.bytes_sent,
            "visits_skipped": len(self.skipped),
        }
        if self.plan.guard is not None:
            counts["visits_clipped"] = len(self.clipped)
        if self.simulated is None:
            after = totals.plus(counts)
            return after, self._line(histograms) | dict(after)
        after = totals.plus(counts | {"simulated_seconds": self.simulated.seconds})
        return after, self._line(histograms) | dict(after) | self.simulated.metrics

    def _line(self, histograms: NDArray[np.int64]) -> Metrics:
        members = [chain.clients for chain in self.plan.chains]
        firsts = np.cumsum([0, *(len(clients) for clients in members[:-1])])
        pooled = np.add.reduceat(histograms[[client for clients in members for client in clients]], firsts, axis=0)
        line: Metrics = {
            "round": self.plan.round + 1,
            "lr": self.plan.training.lr,
            "train_loss": self.loss / self.samples if self.samples else math.nan,
            "clients": len({client for clients in members for client in clients}),
            "chains": len(self.plan.chains),
            "mediator_kl": float(kl_to_uniform(pooled).mean()),
        }
        if self.skipped:
            line["skipped"] = [
                {"client": client, "pass": pass_, "reason": reason} for client, pass_, reason in self.skipped
            ]
        if self.reports and self.late == self.reports:
            line["kept"] = "the model before, since nobody was in time"
        if self.clipped:
            line["clipped"] = [
                {"client": client, "pass": pass_, "factor": factor} for client, pass_, factor in self.clipped
            ]
        return line
