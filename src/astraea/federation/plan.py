"""A round is a plan: chains that run in parallel, each an ordered list of visits that hand one model on.

FedAvg is ``c`` chains of one visit; Astraea is one chain a mediator; controls such as random mediators or one
long chain are further plans. An algorithm writes the plan, an engine executes it, and a network needs nothing
but the plan to know every transfer of the round. All of it is plain values, so it can be sent anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

__all__ = ["Chain", "ChainResult", "ChainState", "LocalTraining", "RoundPlan", "Visit", "VisitReport"]


@dataclass(frozen=True, slots=True)
class LocalTraining:
    """How every visit of a round trains: ``epochs`` passes over the client's samples in mini-batches.

    ``optimizer`` names a class of ``torch.optim``; its state is made anew for each visit, as a client that may
    not come back for many rounds, and whose model has travelled on, has no use for old moments.
    """

    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    options: Mapping[str, Any] = field(default_factory=dict)
    clip_norm: float | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """One client's local training within a chain; ``pass_`` counts the chain's mediator epochs from 0."""

    client: int
    pass_: int = 0


@dataclass(frozen=True, slots=True)
class Chain:
    """The visits through which one model travels, in order; ``id`` is its place in the plan."""

    id: int
    visits: tuple[Visit, ...]

    @property
    def clients(self) -> tuple[int, ...]:
        """The distinct clients, in order of their first visit."""
        return tuple(dict.fromkeys(visit.client for visit in self.visits))


@dataclass(frozen=True, slots=True)
class ChainState:
    """What a chain hands from visit to visit: the model as a vector, and the counts that later become its weight.

    ``params`` holds trainable parameters and floating buffers, shape ``(P,)``; ``counters`` the integer
    buffers, shape ``(Q,)`` int64; ``extras`` what a local rule sends along (control variates). ``examples``
    counts the samples of the distinct clients that trained it, ``steps`` its optimiser steps.
    """

    params: Tensor
    counters: Tensor
    extras: Mapping[str, Tensor] = field(default_factory=dict)
    examples: int = 0
    steps: int = 0

    @property
    def bytes(self) -> int:
        """Size of one hand-over in bytes."""
        tensors = (self.params, self.counters, *self.extras.values())
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@dataclass(frozen=True, slots=True)
class VisitReport:
    """What became of one visit; ``skipped`` is the reason why its work was discarded, or ``None``."""

    client: int
    pass_: int
    samples: int = 0
    steps: int = 0
    loss: float = float("nan")
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class ChainResult:
    """The model that came out of a chain, the states its clients keep, and a report of every visit."""

    chain: Chain
    end: ChainState
    reports: tuple[VisitReport, ...]
    client_states: Mapping[int, Mapping[str, Tensor]] = field(default_factory=dict)

    @property
    def trained(self) -> bool:
        """Whether at least one visit succeeded: otherwise ``end`` is the model the round began with."""
        return any(report.skipped is None for report in self.reports)


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """Who trains in a round, in which order, from which model and how.

    ``seed`` and ``round`` name the random stream of each visit. ``prior`` is the effective class prior for
    prior-aware losses, shape ``(N,)`` and summing to 1, or ``None``. ``client_states`` are those that the
    clients of this round kept from earlier ones.
    """

    round: int
    seed: int
    start: ChainState
    chains: tuple[Chain, ...]
    training: LocalTraining
    prior: Tensor | None = None
    client_states: Mapping[int, Mapping[str, Tensor]] = field(default_factory=dict)

    @property
    def visits(self) -> int:
        """Number of visits of all chains."""
        return sum(len(chain.visits) for chain in self.chains)

    @property
    def bytes_per_hop(self) -> int:
        """Size of one hand-over in bytes."""
        return self.start.bytes

    @property
    def bytes_sent(self) -> int:
        """Traffic of the round with the mediators at the server: to each client and back, every pass counted."""
        return 2 * self.bytes_per_hop * self.visits

    def to(self, device: torch.device | str) -> RoundPlan:
        """Return the plan with every tensor on ``device``."""

        def moved(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
            return {name: value.to(device) for name, value in values.items()}

        start = replace(
            self.start,
            params=self.start.params.to(device),
            counters=self.start.counters.to(device),
            extras=moved(self.start.extras),
        )
        states = {client: moved(state) for client, state in self.client_states.items()}
        prior = None if self.prior is None else self.prior.to(device)
        return replace(self, start=start, prior=prior, client_states=states)
