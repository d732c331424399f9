"""The loop: plan, execute, aggregate, evaluate. Everything else that happens in a run is a callback."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astraea.balance.divergence import kl_to_uniform
from astraea.errors import RunError
from astraea.federation.algorithms.base import Algorithm, State, View
from astraea.federation.clients import Population
from astraea.federation.plan import ChainResult, RoundPlan
from astraea.federation.rule import LocalRule
from astraea.seeding import Purpose, stream

__all__ = ["Best", "Budget", "Callback", "Engine", "Metrics", "RoundMetrics", "Run", "Simulated", "Totals", "train"]

Metrics = dict[str, Any]
"""One line of ``metrics.jsonl``: plain numbers under the names that the metrics page explains."""


class Engine(Protocol):
    """Executes plans. Results come in plan order, whatever the order in which chains are run."""

    def execute(self, plan: RoundPlan, rule: LocalRule, population: Population) -> Iterator[ChainResult]:
        """Yield the result of each chain of ``plan``."""
        ...

    def close(self) -> None:
        """Give back what the engine holds (workers, memory)."""
        ...


@dataclass(frozen=True)
class Totals:
    """What a run has cost so far, all clients together; the critical path counts each round's longest chain."""

    client_epochs: int = 0
    samples_processed: int = 0
    optimizer_steps: int = 0
    critical_path_steps: int = 0
    bytes_sent: int = 0
    visits_skipped: int = 0
    simulated_seconds: float = 0.0


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


@dataclass(frozen=True)
class Best:
    """The model of the round with the best score on the validation samples."""

    round: int
    score: float
    params: Tensor
    counters: Tensor


@dataclass(frozen=True)
class Budget:
    """How long a run goes on: ``rounds``, or until about ``samples`` samples or simulated ``seconds`` if one is given.

    ``earlier`` are the lengths, ascending, that it had before it was prolonged: up to each of them it goes on as if
    that were its end.
    """

    rounds: int
    samples: int | None = None
    earlier: tuple[int, ...] = ()
    seconds: float | None = None

    def progress(self, round_: int, totals: Totals) -> float:
        """Return the share of the run that is done, from 0 to 1."""
        if self.seconds is not None:
            return min(totals.simulated_seconds / self.seconds, 1.0)
        done, length = round_, self.rounds
        if self.samples is not None:
            done, length = totals.samples_processed, self.samples
        return min(done / next((past for past in self.earlier if done < past), length), 1.0)


@dataclass
class Run:
    """A run between two rounds: all that a checkpoint stores. ``finished`` says that no round will follow."""

    state: State
    totals: Totals = field(default_factory=Totals)
    history: list[Metrics] = field(default_factory=list)
    best: Best | None = None
    finished: bool = False


class Callback:
    """Looks on: a subclass overrides the moments it cares about."""

    def begin(self, run: Run, budget: Budget) -> None:
        """Before the first round of this process, which after a resumption is not the run's first."""

    def planned(self, plan: RoundPlan) -> None:
        """When a round has been planned, before it is executed."""

    def wants_stop(self, run: Run) -> bool:
        """Whether the run should end after this round; must depend on ``run`` alone."""
        return False

    def after_round(self, run: Run) -> None:
        """After each round; the last entry of ``run.history`` is this round's."""

    def end(self, run: Run) -> None:
        """When the loop is left, also by an error or an interruption; ``run`` is after its last whole round."""


def train(
    run: Run,
    algorithm: Algorithm,
    engine: Engine,
    population: Population,
    budget: Budget,
    *,
    seed: int,
    evaluate: Callable[[Tensor, Tensor], Metrics] | None = None,
    evaluate_every: int = 1,
    availability: Callable[[int], NDArray[np.bool_]] | None = None,
    simulate: Callable[[RoundPlan], Simulated] | None = None,
    callbacks: Sequence[Callback] = (),
) -> Run:
    """Take ``run`` to the end of its budget, or until a callback wants to stop; return it.

    ``evaluate(params, counters)`` is asked every ``evaluate_every`` rounds and after the last; where it
    reports ``validation_balanced_accuracy``, the best model so far is kept. ``availability(round)`` says which
    clients would answer (all, if not given). ``simulate`` times each round on a network; chains that are late there
    are not trained. Raises :class:`RunError` if every visit of a round fails.
    """
    try:
        for callback in callbacks:
            callback.begin(run, budget)
        while not run.finished:
            round_ = run.state.round
            # 1. Plan
            view = View(
                histograms=population.histograms,
                available=np.ones(len(population), np.bool_) if availability is None else availability(round_),
                progress=budget.progress(round_, run.totals),
                seed=seed,
            )
            plan = algorithm.plan(run.state, view, stream(seed, Purpose.PARTICIPATION, round_))
            for callback in callbacks:
                callback.planned(plan)
            # 2. Execute and aggregate, one chain at a time
            simulated = None if simulate is None else simulate(plan)
            counted = RoundMetrics(plan if simulated is None else simulated.plan)
            if simulated is not None:
                plan = counted.in_time(simulated)
            with _one_thread():
                total = algorithm.zero(plan)
                for result in engine.execute(plan, algorithm.rule, population):
                    total = algorithm.add(total, result)
                    counted.add(result)
                counted.check()
                state = algorithm.finish(run.state, total)
            # 3. Measure
            totals = counted.added_to(run.totals)
            metrics = counted.metrics(population.histograms) | dataclasses.asdict(totals)
            if simulated is None:
                del metrics["simulated_seconds"]
            else:
                metrics |= simulated.metrics
            last = budget.progress(state.round, totals) >= 1.0
            best = run.best
            if evaluate is not None and (last or state.round % evaluate_every == 0):
                params, counters = algorithm.deploy(state)
                metrics |= evaluate(params, counters)
                best = _better(best, metrics, state.round, params, counters)
            run.state, run.totals, run.best = state, totals, best
            run.history.append(metrics)
            run.finished = last or any(callback.wants_stop(run) for callback in callbacks)
            # 4. Tell
            for callback in callbacks:
                callback.after_round(run)
    finally:
        for callback in callbacks:
            callback.end(run)
    return run


@contextmanager
def _one_thread() -> Iterator[None]:
    """Add models up on one thread, as others may be training; an engine that leaves cores idle lends them itself."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _better(best: Best | None, metrics: Metrics, round_: int, params: Tensor, counters: Tensor) -> Best | None:
    score = metrics.get("validation_balanced_accuracy")
    if score is None or math.isnan(score) or (best is not None and score <= best.score):
        return best
    return Best(round_, score, params, counters)


class RoundMetrics:
    """Counts one round: what it cost, what was skipped, and its line of metrics."""

    def __init__(self, plan: RoundPlan) -> None:
        self.plan = plan
        self.steps: list[int] = []
        self.reports = 0
        self.samples = 0
        self.loss = 0.0
        self.skipped: list[tuple[int, int, str]] = []
        self.seconds = 0.0

    def in_time(self, simulated: Simulated) -> RoundPlan:
        """Count the simulated time, and chains that are late as skipped; return the plan without them.

        Raises :class:`RunError` if none is left.
        """
        self.seconds = simulated.seconds
        late = [chain for chain in self.plan.chains if chain.id in simulated.late]
        self.skipped += [(visit.client, visit.pass_, simulated.reason) for chain in late for visit in chain.visits]
        self.reports += len(self.skipped)
        if late and len(late) == len(self.plan.chains):
            raise RunError(
                f"round {self.plan.round + 1}: no chain is back in time, the first because: {simulated.reason}"
            )
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
            else:
                self.skipped.append((report.client, report.pass_, report.skipped))

    def check(self) -> None:
        """Raise :class:`RunError` if every visit failed."""
        if len(self.skipped) == self.reports:
            client, _, reason = self.skipped[0]
            raise RunError(
                f"round {self.plan.round + 1}: all {self.reports} visits failed, the first (client {client}) "
                f"because: {reason}; lower train.lr, or check the model and the data"
            )

    def added_to(self, totals: Totals) -> Totals:
        """Return ``totals`` with this round's added."""
        succeeded = self.reports - len(self.skipped)
        return Totals(
            client_epochs=totals.client_epochs + succeeded * self.plan.training.epochs,
            samples_processed=totals.samples_processed + self.samples,
            optimizer_steps=totals.optimizer_steps + sum(self.steps),
            critical_path_steps=totals.critical_path_steps + max(self.steps),
            bytes_sent=totals.bytes_sent + self.plan.bytes_sent,
            visits_skipped=totals.visits_skipped + len(self.skipped),
            simulated_seconds=totals.simulated_seconds + self.seconds,
        )

    def metrics(self, histograms: NDArray[np.int64]) -> Metrics:
        """Return the round's line of metrics; ``histograms`` ``(K, N)`` count what each client trains on."""
        members = [chain.clients for chain in self.plan.chains]
        firsts = np.cumsum([0, *(len(clients) for clients in members[:-1])])
        pooled = np.add.reduceat(histograms[[client for clients in members for client in clients]], firsts, axis=0)
        line: Metrics = {
            "round": self.plan.round + 1,
            "lr": self.plan.training.lr,
            "train_loss": self.loss / self.samples if self.samples else math.nan,
            "clients": len({visit.client for chain in self.plan.chains for visit in chain.visits}),
            "chains": len(self.plan.chains),
            "mediator_kl": float(kl_to_uniform(pooled).mean()),
        }
        if self.skipped:
            line["skipped"] = [
                {"client": client, "pass": pass_, "reason": reason} for client, pass_, reason in self.skipped
            ]
        return line
