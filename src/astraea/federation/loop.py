"""The loop: plan, execute, aggregate, evaluate. Everything else that happens in a run is a callback."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astraea.errors import RunError
from astraea.federation.algorithms.base import Algorithm, State, View
from astraea.federation.attacks import Adversary
from astraea.federation.clients import Population
from astraea.federation.plan import ChainResult, RoundPlan
from astraea.federation.round import Metrics, Round, Simulated, Totals
from astraea.federation.rule import LocalRule
from astraea.seeding import Purpose, stream

__all__ = ["Best", "Budget", "Callback", "Engine", "Kept", "Run", "train"]


_STANDING = 100
"""Rounds in a row that left the model as it was, after which a run that counts samples ends: it would never end."""

Kept = Mapping[int, Mapping[str, Tensor]]
"""What clients keep between their visits, by client."""


class Engine(Protocol):
    """Executes plans. Results come in plan order, whatever the order in which chains are run."""

    def execute(self, plan: RoundPlan, rule: LocalRule, population: Population) -> Iterator[ChainResult]:
        """Yield the result of each chain of ``plan``."""
        ...

    def close(self) -> None:
        """Give back what the engine holds (workers, memory)."""
        ...


@dataclass(frozen=True)
class Best:
    """The model of the round with the best score on the validation samples, and what clients ``kept`` of theirs."""

    round: int
    score: float
    params: Tensor
    counters: Tensor
    kept: Kept = field(default_factory=dict)


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
            return min(totals.get("simulated_seconds", 0.0) / self.seconds, 1.0)
        if self.samples is not None:
            done = totals["samples_processed"]
            return min(done / self._length(done, self.samples), 1.0)
        return min(round_ / self._length(round_, self.rounds), 1.0)

    def after(self, round_: int, totals: Totals) -> float | None:
        """Return the share that will be done after the round that follows on ``round_`` others.

        Where rounds are not what is counted, it is taken for as long as those before it, and ``None`` before the first.
        """
        if self.seconds is None and self.samples is None:
            return min((round_ + 1) / self._length(round_, self.rounds), 1.0)
        done = self.progress(round_, totals)
        return min(done + done / round_, 1.0) if round_ else None

    def _length(self, done: float, last: int) -> int:
        """Return the length that counts when so much of it is done."""
        return next((past for past in self.earlier if done < past), last)


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

    def noted(self, notes: Sequence[str]) -> None:
        """Before anything is trained: what was understood of the data and may be otherwise, a sentence each."""

    def begin(self, run: Run, budget: Budget) -> None:
        """Before the first round of this process, which after a resumption is not the run's first."""

    def planned(self, plan: RoundPlan) -> None:
        """When a round has been planned, before it is executed."""

    def after_round(self, run: Run) -> tuple[bool, Metrics] | None:
        """After each round; the last entry of ``run.history`` is this round's.

        May return whether to stop, which must depend on ``run`` alone, and metrics, which are added to the round's:
        later callbacks see both.
        """
        return None

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
    evaluate: Callable[[Tensor, Tensor, Kept], Metrics] | None = None,
    evaluate_every: int = 1,
    availability: Callable[[int], NDArray[np.bool_]] | None = None,
    simulate: Callable[[RoundPlan, float], Simulated] | None = None,
    adversary: Adversary | None = None,
    callbacks: Sequence[Callback] = (),
) -> Run:
    """Take ``run`` to the end of its budget, or until a callback says to stop; return it.

    ``evaluate(params, counters, kept)``, the last being what clients keep, is asked every ``evaluate_every`` rounds
    and after the last; where it reports ``validation_balanced_accuracy``, the best model so far is kept.
    ``availability(round)`` says which clients would answer (all, if not given). ``simulate(plan, over)`` times each
    round on a network, so many simulated seconds being over; chains that are late there are not trained, and a round of
    nothing else leaves the model as it was. An ``adversary`` makes some clients hostile. Raises :class:`RunError` if
    every visit of a round that is in time fails, and if a budget of samples would never be used up.
    """
    with ExitStack() as leaving:
        for callback in reversed(callbacks):  # each is told, whatever another one raises
            leaving.callback(callback.end, run)
        for callback in callbacks:
            callback.begin(run, budget)
        while not run.finished:
            number = run.state.round
            # 1. Plan
            view = View(
                histograms=population.histograms if population.told is None else population.told,
                available=np.ones(len(population), np.bool_) if availability is None else availability(number),
                progress=budget.progress(number, run.totals),
                seed=seed,
                weighed=population.told is not None,
                until=budget.after(number, run.totals),
            )
            plan = algorithm.plan(run.state, view, stream(seed, Purpose.PARTICIPATION, number))
            plan = plan if adversary is None else adversary.placed(plan)
            for callback in callbacks:
                callback.planned(plan)
            # 2. Execute and aggregate, one chain at a time
            over = run.totals.get("simulated_seconds", 0.0)
            round_ = Round(algorithm, plan, None if simulate is None else simulate(plan, over))
            with _one_thread():
                if round_.plan.chains:
                    for result in engine.execute(round_.plan, algorithm.rule, population):
                        round_.add(result)
                state, totals, metrics = round_.finish(run.state, run.totals, population.histograms)
            # 3. Measure
            last = budget.progress(state.round, totals) >= 1.0
            best = run.best
            if evaluate is not None and (last or state.round % evaluate_every == 0):
                params, counters = algorithm.deploy(state)
                metrics |= evaluate(params, counters, state.clients)
                kept = {} if algorithm.personal is None else state.clients
                best = _better(best, metrics, Best(state.round, math.nan, params, counters, kept))
            run.state, run.totals, run.best = state, totals, best
            run.history.append(metrics)
            run.finished = last
            # 4. Tell
            for callback in callbacks:
                stop, more = callback.after_round(run) or (False, {})
                metrics |= more
                run.finished = run.finished or stop
            _check_standing(run, budget)
    return run


def _check_standing(run: Run, budget: Budget) -> None:
    """Raise :class:`RunError` if a run that ends with a number of samples has not come nearer to it for long."""
    last = run.history[-_STANDING:]
    if (
        budget.samples is not None
        and budget.seconds is None
        and not run.finished
        and len(last) == _STANDING
        and last[0]["samples_processed"] == run.totals["samples_processed"]
        and all("kept" in line for line in last)
    ):
        raise RunError(
            f"round {run.state.round}: for {_STANDING} rounds nobody was in time, so the {budget.samples:,} samples of "
            "this run are never reached: raise the limit on time that its metrics name, or end the run by rounds"
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Add models up on one thread, as others may be training; an engine that leaves cores idle lends them itself."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _better(best: Best | None, metrics: Metrics, this: Best) -> Best | None:
    score = metrics.get("validation_balanced_accuracy")
    if score is None or math.isnan(score) or (best is not None and score <= best.score):
        return best
    return replace(this, score=score)
