"""A round is a plan: chains that run in parallel, each an ordered list of visits that hand one model on.

FedAvg is ``c`` chains of one visit; Astraea is one chain a mediator; controls such as random mediators or one
long chain are further plans. An algorithm writes the plan, an engine executes it, and a network needs nothing
but the plan to know every transfer of the round. All of it is plain values, so it can be sent anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor

from astraea.errors import InputError
from astraea.federation.handover import HandOver

if TYPE_CHECKING:
    from astraea.federation.attacks import Adversary
    from astraea.federation.defences import Guard
    from astraea.federation.personal import Personal

__all__ = ["SERVER", "Chain", "ChainResult", "ChainState", "Hop", "LocalTraining", "RoundPlan", "Visit", "VisitReport"]

SERVER = -1
"""The server as an end of a hop; a client is its own number, and a site where mediators are any number below."""


@dataclass(frozen=True, slots=True)
class LocalTraining:
    """How every visit of a round trains: ``epochs`` passes over the client's samples in mini-batches.

    ``optimizer`` names a class of ``torch.optim``; its state is made anew for each visit, as a client that may
    not come back for many rounds, and whose model has travelled on, has no use for old moments. With ``falls_to`` the
    rate goes from ``lr`` towards it along the round's longest chain: see :meth:`RoundPlan.training_at`.
    """

    epochs: int
    batch_size: int
    optimizer: str
    lr: float
    options: Mapping[str, Any] = field(default_factory=dict)
    clip_norm: float | None = None
    falls_to: float | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """One client's local training within a chain; ``pass_`` counts the chain's mediator epochs from 0."""

    client: int
    pass_: int = 0


@dataclass(frozen=True, slots=True)
class Chain:
    """The visits through which one model travels, in order; ``id`` is its place in the plan.

    ``mediator`` is where its mediator is: :data:`SERVER`, a site (a number below that), or ``None`` where there is
    none and the clients hand the model to each other.
    """

    id: int
    visits: tuple[Visit, ...]
    mediator: int | None = SERVER

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


class VisitReport(NamedTuple):
    """What became of one visit; ``skipped`` is the reason why its work was discarded, or ``None``.

    ``length`` is the norm of its change, where who read the model took it on the way, and ``direction`` the sketch of
    it, empty if it has none; ``bounded`` says that its client counts for less than it holds, ``late`` that it is
    skipped because it took too long.
    A defence adds what it measures: the ``pace`` of the change, its norm by the learning rate and the root of its
    steps, before it was ``clipped`` by that factor; the loss ``probe`` on the server's samples after the visit, and by
    how much it did ``rise``; the cosine by which its change ``agrees`` with the last ones of other clients, and that
    by which its own last one ``stood`` beside these.
    """

    client: int
    pass_: int
    samples: int = 0
    steps: int = 0
    loss: float = float("nan")
    skipped: str | None = None
    pace: float | None = None
    clipped: float = 1.0
    probe: float | None = None
    rise: float | None = None
    length: float | None = None
    bounded: bool = False
    late: bool = False
    direction: bytes | None = None
    agrees: float | None = None
    stood: float | None = None


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


class Hop(NamedTuple):
    """One transfer of a model from ``source`` to ``target``: each a client, :data:`SERVER` or a site.

    It starts when hop number ``after`` of the plan has arrived (-1: with the round) and the visits of ``trained``
    are done, which all are at ``source``; both count through the plan from 0.
    """

    chain: int
    source: int
    target: int
    bytes: int
    after: int
    trained: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """Who trains in a round, in which order, from which model and how.

    ``seed`` and ``round`` name the random stream of each visit. ``prior`` is the effective class prior for
    prior-aware losses, shape ``(N,)`` and summing to 1, or ``None``. ``client_states`` are those that the
    clients of this round kept from earlier ones. ``guard`` is the defence of the round; ``counts`` says as how many
    samples a client counts, where that is not what it holds; ``typical`` is what the median client of the round counts.
    With an ``adversary`` some clients are hostile. ``handover`` says how models travel, ``None`` as they are. What is
    ``personal`` of a model never does. A chain ``returns`` its last model, or the mean of those after each visit, by
    samples. ``longest`` is how many visits the round's longest chain has where ``chains`` are a :meth:`part` of it.
    """

    round: int
    seed: int
    start: ChainState
    chains: tuple[Chain, ...]
    training: LocalTraining
    prior: Tensor | None = None
    client_states: Mapping[int, Mapping[str, Tensor]] = field(default_factory=dict)
    guard: Guard | None = None
    counts: Mapping[int, int] = field(default_factory=dict)
    typical: int | None = None
    adversary: Adversary | None = None
    handover: HandOver | None = None
    personal: Personal | None = None
    returns: Literal["last", "mean"] = "last"
    longest: int | None = None

    @property
    def visits(self) -> int:
        """Number of visits of all chains."""
        return sum(len(chain.visits) for chain in self.chains)

    def part(self, *chains: Chain) -> RoundPlan:
        """Return the plan of some of the round's ``chains``, or of none, whose visits train as in the whole round."""
        return replace(self, chains=chains, longest=self._longest)

    @property
    def _longest(self) -> int:
        return max((len(chain.visits) for chain in self.chains), default=0) if self.longest is None else self.longest

    def training_at(self, place: int) -> LocalTraining:
        """Return how the visit trains that is number ``place`` of its chain, from 0.

        Where the rate falls along chains, it has gone so much of its way as there are visits behind it, of those of
        the longest chain: visits side by side have one rate, and the next round goes on from where the way ends.
        """
        training = self.training
        if training.falls_to is None or not place:
            return training
        share = place / self._longest
        return replace(training, lr=training.lr + share * (training.falls_to - training.lr))

    @property
    def bytes_per_hop(self) -> int:
        """Size of one hand-over to or from a client, in bytes."""
        return self._bytes_as_it_is - (0 if self.handover is None else self.handover.saved(self.start.params))

    @property
    def _bytes_as_it_is(self) -> int:
        return self.start.bytes - (0 if self.personal is None else self.personal.bytes(self.start))

    @property
    def bytes_sent(self) -> int:
        """Traffic of the round: the bytes of all hops, every pass counted."""
        return sum(hop.bytes for hop in self.hops())

    def placed(self, mediator: Callable[[Chain], int | None]) -> RoundPlan:
        """Return the plan with the mediator of each chain where ``mediator(chain)`` says: see :class:`Chain`.

        Raises :class:`InputError` if clients are to hand a model in few bits to each other.
        """
        chains = tuple(replace(chain, mediator=mediator(chain)) for chain in self.chains)
        if self.handover is not None and any(chain.mediator is None and len(chain.visits) > 1 for chain in chains):
            raise InputError(
                f"algorithm.bits = {self.handover.bits} needs a mediator that holds the model, and here clients hand "
                "it to each other: set network.placement to 'server' or 'sites', or algorithm.bits to 32"
            )
        return replace(self, chains=chains)

    def hops(self) -> list[Hop]:
        """Return every transfer of the round, chain by chain, each in order.

        With its mediator at the server, a chain of γ visits is a star: to each client and back, 2γ hops. At a site
        it is the same around the site, with one hop more from the server to it and one back. Without a mediator the
        model goes to the first client, from each to the next and back from the last: γ + 1 hops, and none between
        two visits in a row of one client. Between the server and a site the model travels as it is.
        """
        whole, size, found, visits = self._bytes_as_it_is, self.bytes_per_hop, list[Hop](), 0
        for chain in self.chains:
            after, at = -1, SERVER
            trained: tuple[int, ...] = ()
            for target, visit in _way(chain, visits):
                if target != at:
                    found.append(Hop(chain.id, at, target, size if max(at, target) >= 0 else whole, after, trained))
                    after, at, trained = len(found) - 1, target, ()
                if visit is not None:
                    trained = (*trained, visit)
            visits += len(chain.visits)
        return found

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
        guard = self.guard
        if guard is not None and guard.probe is not None:
            guard = replace(guard, probe=(guard.probe[0].to(device), guard.probe[1].to(device)))
        personal = None if self.personal is None else self.personal.to(device)
        return replace(self, start=start, prior=prior, client_states=states, guard=guard, personal=personal)


def _way(chain: Chain, first: int) -> Iterator[tuple[int, int | None]]:
    """Yield where the model of ``chain`` is to be, one after the other, and the visit made there, if there is one."""
    if chain.mediator is not None and chain.visits:
        yield chain.mediator, None
    for number, visit in enumerate(chain.visits, first):
        yield visit.client, number
        if chain.mediator is not None:
            yield chain.mediator, None
    yield SERVER, None
