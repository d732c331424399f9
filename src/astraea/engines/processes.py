"""Chains on several processes at once: persistent workers, each with a model of its own and one thread.

A chain of small batches leaves most of a machine idle, as a step of it is too short to be divided among
threads; two workers with one thread each get more done than one loop with two. Workers are plain
subprocesses, started once. What they need lies in memory they share (:mod:`astraea.engines.shared`): the
samples once for all workers, the model that a round begins with once a round, each chain's result until it is
added up. Results come in plan order, and a chain is computed as the serial engine computes it, so the bytes of
a run do not depend on the number of workers.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from astraea.engines.serial import SerialEngine
from astraea.engines.worker_pool import Exit, WorkerPool
from astraea.errors import InputError, RunError
from astraea.federation.clients import Population
from astraea.federation.plan import Chain, ChainResult, RoundPlan
from astraea.federation.rule import LocalRule
from astraea.federation.walk import given_up

__all__ = ["ProcessesEngine"]

_EXITS = 2
"""Workers that a chain may cost before its clients are reported instead of trying again."""

_LOST = f"{_EXITS} worker processes died on this chain, the last "


class ProcessesEngine:
    """Executes plans on ``workers`` processes with ``threads`` threads each.

    The longest of the next few chains goes first; how many run or wait to be added up at a time depends on the
    number of workers alone, and so does memory. A worker that dies is replaced and its chain run again; a chain
    during which two workers died is given up, its visits reported as skipped. Until the first worker is up,
    chains run in this process.

    Raises :class:`InputError` if the model cannot be sent to another process, or on Windows.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        workers: int,
        threads: int = 1,
        bfloat16: bool = False,
        visit_deadline: float | None = None,
    ) -> None:
        self._here = SerialEngine(module, threads=threads, bfloat16=bfloat16, visit_deadline=visit_deadline)
        self.pool = WorkerPool(workers, threads, visit_deadline)
        self._close = weakref.finalize(self, self.pool.close)
        self._published: dict[str, Any] = {}
        self._token = 0
        self._publish("model", self._here.model.module, (self._here.model.module, bfloat16, torch.get_default_dtype()))

    def execute(self, plan: RoundPlan, rule: LocalRule, population: Population) -> Iterator[ChainResult]:
        """Yield the result of each chain, in plan order.

        Raises :class:`RunError` if no worker can be started or the engine is closed, and :class:`InputError` if
        the rule or the clients cannot be sent to another process.
        """
        if not self._close.alive:
            raise RunError("the engine is closed: make a new one")
        while any(worker.tasks for worker in self.pool.workers):  # of a round that was left early
            for _ in self.pool.collect():
                pass
        self._publish("rule", rule, rule)
        self._publish("clients", population, population)
        self.pool.publish("plan", plan.part())
        self._token += 1
        round_ = _Round(self._token, plan, _samples(plan.chains, population), self.pool)
        for index in range(len(plan.chains)):
            while index not in round_.results:
                round_.hand_out(index)
                if self.pool.started:
                    round_.collect(None)
                else:
                    chain = round_.take_first()
                    (round_.results[chain.id],) = self._here.execute(plan.part(chain), rule, population)
                    round_.collect(0.0)
            yield round_.results.pop(index)

    def close(self) -> None:
        """End the workers; a second call does nothing."""
        self._close()

    def _publish(self, name: str, source: Any, value: Any) -> None:
        if self._published.get(name) is source:
            return
        try:
            self.pool.publish(name, value, by_value=True)
        except Exception as error:
            if name == "model":
                self.close()
            raise InputError(
                f"the {name} cannot be sent to worker processes ({type(error).__name__}: {error}): keep open "
                "files, locks and the like out of it, or set engine.name = 'serial'"
            ) from error
        self._published[name] = source


class _Round:
    """A plan under way: which chains wait, and what came of those that were run."""

    def __init__(self, token: int, plan: RoundPlan, samples: Sequence[int], pool: WorkerPool) -> None:
        self.token, self.plan, self.samples, self.pool = token, plan, samples, pool
        self.waiting = list(range(len(plan.chains)))  # ascending
        self.results: dict[int, ChainResult] = {}
        self.exits: Counter[int] = Counter()

    def hand_out(self, first: int) -> None:
        """Send chains to workers that have less than two, from among those soon due; ``first`` is due next."""
        window = 4 * len(self.pool.workers)
        while self.waiting:
            free = [worker for worker in self.pool.workers if worker.ready and len(worker.tasks) < 2]
            if not free:
                return
            worker = min(free, key=lambda one: len(one.tasks))
            if worker.tasks and len(self.waiting) < len(self.pool.workers):
                return  # the last ones go to whoever is free first
            due = [index for index in self.waiting[:window] if index < first + window]
            if not due:
                return
            index = max(due, key=lambda one: (self.samples[one], -one))
            self.waiting.remove(index)
            self.pool.send(worker, (self.token, index), self.plan.chains[index])

    def take_first(self) -> Chain:
        """Take the next chain due out of those that wait."""
        return self.plan.chains[self.waiting.pop(0)]

    def collect(self, timeout: float | None) -> None:
        """Take in what workers report."""
        for event in self.pool.collect(timeout):
            if isinstance(event, Exit):
                self._on_exit(event)
                continue
            index = event.task[1]
            end, reports, states = event.value
            # Clients keep their states for many rounds: in memory of their own, not in a result's.
            kept = {client: {name: value.clone() for name, value in state.items()} for client, state in states.items()}
            self.results[index] = ChainResult(self.plan.chains[index], end, reports, kept)

    def _on_exit(self, exit_: Exit) -> None:
        for place, (_, index) in enumerate(exit_.tasks):
            self.exits[index] += place == 0  # the others had only been queued
            if self.exits[index] >= _EXITS:
                self.results[index] = given_up(self.plan, self.plan.chains[index], _LOST + exit_.cause)
            else:
                self.waiting = sorted([*self.waiting, index])


def _samples(chains: Sequence[Chain], population: Population) -> list[int]:
    """Return how many samples each chain trains on; its visits, where clients do not say what they hold."""
    histograms = getattr(population, "histograms", None)
    if histograms is None:
        return [len(chain.visits) for chain in chains]
    return [int(histograms[[visit.client for visit in chain.visits]].sum()) for chain in chains]
