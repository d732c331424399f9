"""How many rounds fit into a budget: plans are made as a run makes them, and nothing is trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from astraea.experiment.prepare import Experiment, prepare
from astraea.experiment.rounds import planned_rounds
from searched.datasets import dataset_of
from searched.plan import Plan, Setup
from searched.search import point

__all__ = ["Cost", "costs", "limits_of", "rounds_within"]


class Cost(NamedTuple):
    """What rounds cost: samples processed, bytes sent, and steps of the longest chain of each, summed."""

    samples: float
    bytes: float
    critical_path: float

    def within(self, limits: Cost) -> bool:
        """Whether this is no more than ``limits``."""
        return all(spent <= most for spent, most in zip(self, limits, strict=True))


def costs(experiment: Experiment) -> Iterator[Cost]:
    """Yield what a run has cost after each of its rounds, without end.

    Every round is planned as at the run's beginning: where chains get shorter later, their critical path is counted
    as longer than it is.
    """
    sizes = experiment.population.histograms.sum(axis=1)
    batch = experiment.settings.train.batch_size
    total = np.zeros(3)
    for plan in planned_rounds(experiment):
        epochs = plan.training.epochs
        clients = [[visit.client for visit in chain.visits] for chain in plan.chains]
        steps = [epochs * int(np.ceil(sizes[chain] / batch).sum()) for chain in clients]
        samples = epochs * experiment.algorithm.rule.views * sum(int(sizes[chain].sum()) for chain in clients)
        total += (samples, plan.bytes_sent, max(steps))
        yield Cost(*total.tolist())


def limits_of(plan: Plan, dataset: str, case: str, seed: int) -> dict[str, Cost]:
    """Return the limits of each budget: shares of what the reference costs under this seed."""
    setup = Setup(dataset, case, plan.reference.arm, point(plan.reference.knobs), seed)
    settings = setup.settings(plan)
    experiment = prepare(settings, dataset=dataset_of(settings.data))
    experiment.engine.close()
    cost = next(cost for round_, cost in enumerate(costs(experiment), 1) if round_ == experiment.settings.rounds)
    return {
        name: Cost(
            budget.samples * cost.samples,
            float("inf") if budget.bytes is None else budget.bytes * cost.bytes,
            float("inf") if budget.critical_path is None else budget.critical_path * cost.critical_path,
        )
        for name, budget in plan.budgets.items()
    }


def rounds_within(plan: Plan, setup: Setup, limits: Mapping[str, Cost]) -> dict[str, int]:
    """Return how many rounds of ``setup`` fit into each of the ``limits``; 0 if not even one does."""
    settings = setup.settings(plan)
    experiment = prepare(settings, dataset=dataset_of(settings.data))
    experiment.engine.close()
    found = dict.fromkeys(limits, 0)
    waiting = set(limits)
    for round_, cost in enumerate(costs(experiment), 1):
        waiting = {name for name in waiting if cost.within(limits[name])}
        if not waiting:
            return found
        found |= dict.fromkeys(waiting, round_)
    raise AssertionError("a run without end costs more than any limit")
