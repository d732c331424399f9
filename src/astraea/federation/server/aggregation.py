"""The sum of a round's results, one chain at a time, and the mean that comes of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self

import torch
from torch import Tensor

from astraea.data.scenario import Scenario
from astraea.federation.plan import ChainResult, RoundPlan, VisitReport
from astraea.parts import Part

__all__ = ["Aggregator", "Mean", "SampleMean", "Sum"]


@dataclass(slots=True)
class Sum:
    """The running sum of a plan's results: memory for one model, however many chains there are.

    ``params`` is weighted by ``weight``, ``counters`` by ``examples``; ``extras`` sums the changes to what travels,
    ``clients`` collects what clients keep, ``reports`` what a defence is to remember.
    """

    aggregator: Aggregator
    plan: RoundPlan
    params: Tensor
    counters: Tensor
    extras: Mapping[str, Tensor]
    examples: int = 0
    clients: dict[int, Mapping[str, Tensor]] = field(default_factory=dict)
    weight: float = 0.0
    reports: list[VisitReport] = field(default_factory=list)


class Mean(NamedTuple):
    """The weighted mean of a round's models; its change is to be lengthened by the factor ``stretch``."""

    params: Tensor
    counters: Tensor
    stretch: float


class Aggregator(Part, kind="aggregation", default="samples"):
    """How a round's models are averaged: a part says how much each of them weighs."""

    def among(self, scenario: Scenario) -> Self:
        """Return what averages the models of the clients of ``scenario``; most need to know nothing of them."""
        return self

    @property
    def fewest(self) -> int:
        """Fewest chains of which an average can be made."""
        return 1

    def zero(self, plan: RoundPlan) -> Sum:
        """Return an empty sum for the results of ``plan``."""
        start = plan.start
        return Sum(
            self,
            plan,
            torch.zeros_like(start.params, dtype=torch.promote_types(start.params.dtype, torch.float32)),
            torch.zeros_like(start.counters, dtype=torch.float64),
            {name: torch.zeros_like(value) for name, value in start.extras.items()},
        )

    @abstractmethod
    def add(self, total: Sum, result: ChainResult) -> Sum:
        """Add one chain's result, in place of ``total``; a chain in which no visit succeeded adds nothing."""

    def include(self, total: Sum, result: ChainResult, weight: float) -> Sum:
        """Add one chain's result with the given weight of its model."""
        end = result.end
        total.params.add_(end.params, alpha=weight)
        if len(end.counters):
            total.counters.add_(end.counters, alpha=end.examples)
        for name, change in total.extras.items():
            change.add_(end.extras[name]).sub_(total.plan.start.extras[name])
        total.clients.update(result.client_states)
        total.examples += end.examples
        total.weight += weight
        return total

    def mean(self, total: Sum) -> Mean:
        """Return the mean of what was added, which is something; ``total`` is used up."""
        return Mean(
            total.params.div_(total.weight).to(total.plan.start.params.dtype),
            (total.counters / total.examples).round().to(torch.int64),
            self.stretch(total),
        )

    def stretch(self, total: Sum) -> float:
        """Return the factor by which the change of the mean is to be lengthened."""
        return 1.0


class SampleMean(Aggregator, name="samples"):
    """Each chain weighs as many samples as its clients hold.

    These are the weights of FedAvg (McMahan et al. 2017) and of Astraea's Algorithm 1 (Duan et al. 2021), whose
    printed update subtracts where it must add: the next model is ``sum_m n_m / n * w_m``.
    """

    def add(self, total: Sum, result: ChainResult) -> Sum:
        """Add one chain's result, weighted by its samples."""
        return self.include(total, result, float(result.end.examples)) if result.trained else total
