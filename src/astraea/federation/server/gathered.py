"""Averages that must see all of a round's models at once: what the robust ones share."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from astraea.errors import InputError
from astraea.federation.plan import ChainResult, RoundPlan
from astraea.federation.server.aggregation import Aggregator, Mean, Sum

__all__ = ["RobustAggregator", "largest_minority"]


@dataclass(slots=True)
class _Gathered(Sum):
    models: list[Tensor] = field(default_factory=list)
    counted: list[Tensor] = field(default_factory=list)


class RobustAggregator(Aggregator):
    """A part says what comes of the models of all chains, which count alike: samples are what clients say.

    It compares chains, not clients: within a chain a defence (``server.defence``) holds them. One hostile client makes
    a chain hostile, so of chains of L clients fewer than half are hostile, in the mean, while fewer than a share of
    1 - 2^(-1/L) of the clients are: 50 % for L = 1, 13 % for 5, 7 % for 10. Rounds of too few chains for any to be left
    out are refused. All models of a round are in memory.
    """

    @property
    def fewest(self) -> int:
        """Fewest chains of a round among which one that is hostile is held."""
        return 3

    def zero(self, plan: RoundPlan) -> Sum:
        """Return an empty collection.

        Raises :class:`InputError` for a rule that sends more than the model along, and for too few chains.
        """
        if plan.start.extras:
            raise InputError(
                f"server.aggregation '{self.name}' does not cover what this train.rule hands on beside the model: use "
                "another rule, or the aggregation 'samples'"
            )
        if len(plan.chains) < self.fewest:
            chains = f"{len(plan.chains)} chain{'s' if len(plan.chains) > 1 else ''}"
            raise InputError(
                f"server.aggregation '{self.name}' over {chains} protects nobody, as it needs {self.fewest}: take more "
                "clients a round or shorter chains (algorithm.clients_per_round, algorithm.capacity), or guard each "
                "visit with server.defence = 'clip' instead"
            )
        plain = super().zero(plan)
        return _Gathered(**{one.name: getattr(plain, one.name) for one in fields(Sum)})

    def add(self, total: Sum, result: ChainResult) -> Sum:
        """Take up one chain's result; a chain in which no visit succeeded gives nothing."""
        if result.trained:
            assert isinstance(total, _Gathered)
            total.models.append(result.end.params.clone())
            total.counted.append(result.end.counters.clone())
            total.clients.update(result.client_states)
            total.examples += result.end.examples
        return total

    def mean(self, total: Sum) -> Mean:
        """Return what comes of the models; of counters it is the median."""
        assert isinstance(total, _Gathered)
        counters = torch.stack(total.counted).median(dim=0).values
        return Mean(self.combined(torch.stack(total.models), total.plan.start.params), counters, 1.0)

    @abstractmethod
    def combined(self, models: Tensor, start: Tensor) -> Tensor:
        """Return the next model ``(P,)`` of ``models`` ``(m, P)``, one or more, that all began at ``start``."""


def largest_minority(models: int, share: float) -> int:
    """Return how many of so many models a ``share`` of them is, rounded, and fewer than half."""
    return min(round(share * models), (models - 1) // 2)
