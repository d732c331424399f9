"""What an algorithm is: functions over a plain state that say who trains, and how results become the next model.

A new algorithm is one file. Whatever it must remember from round to round lives in :class:`State`, which a checkpoint
stores as it is.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, PrivateAttr
from torch import Tensor

from astraea.balance.losses import CrossEntropy, Loss
from astraea.balance.mediators import Places
from astraea.balance.participation import Participation, Uniform, draw_with, inclusion_probabilities
from astraea.balance.prior import effective_prior
from astraea.balance.rebalancing import NoRebalancing, RebalancingRule
from astraea.errors import InputError
from astraea.federation.handover import HandOver
from astraea.federation.personal import Personal
from astraea.federation.plan import Chain, ChainResult, ChainState, RoundPlan
from astraea.federation.rules import LocalRule, Plain
from astraea.federation.server import Server, Sum
from astraea.federation.settings import USUAL_RATE, Decay, TrainingSettings
from astraea.parts import Part

__all__ = ["Algorithm", "Recipe", "State", "Sum", "View"]


@dataclass(frozen=True, slots=True)
class State:
    """A federation between two rounds: plain tensors and numbers, all that a checkpoint needs.

    ``round`` counts finished rounds. ``params`` ``(P,)`` and ``counters`` ``(Q,)`` are the model that the next
    round sends out; ``shared`` travels with it; ``server`` stays (server momentum); ``clients`` holds what
    clients keep between their visits; ``defence`` what a defence measured in rounds before.
    """

    round: int
    params: Tensor
    counters: Tensor
    shared: Mapping[str, Tensor] = field(default_factory=dict)
    server: Mapping[str, Tensor] = field(default_factory=dict)
    clients: Mapping[int, Mapping[str, Tensor]] = field(default_factory=dict)
    defence: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class View:
    """What the server sees of its clients when it plans a round.

    ``histograms`` ``(K, N)``: what each client trains on, copies included; ``available`` ``(K,)``: who would
    answer an invitation; ``progress``: share of the run already done, in [0, 1); ``seed``: of the run. With ``weighed``
    a client counts in the average as many samples as its histogram does, and not as many as it says. ``until``: share
    that is done after the round, as far as that is known.
    """

    histograms: NDArray[np.int64]
    available: NDArray[np.bool_]
    progress: float
    seed: int
    weighed: bool = False
    until: float | None = None


class Recipe(NamedTuple):
    """What an algorithm stands for beyond its chains: what is left open in other sections comes to this."""

    loss: Loss = CrossEntropy()
    rebalancing: RebalancingRule = NoRebalancing()
    lr: float = USUAL_RATE
    decay: Decay = "rounds"


class Algorithm(Part, kind="algorithm", default="astraea"):
    """Plans rounds and averages what comes back, each chain weighted by its clients' samples.

    What was :meth:`bound` to what clients do in a visit and to what becomes of the average can run; both go with any
    algorithm. The weights are those of FedAvg (McMahan et al. 2017) and of Astraea's Algorithm 1 (Duan et al. 2021),
    whose printed update subtracts where it must add: the next model is ``sum_m n_m / n * w_m``.
    """

    recipe: ClassVar[Recipe] = Recipe()

    clients_per_round: int = Field(10, ge=1, description="Clients that train in a round (the papers' c).")
    local_epochs: int = Field(1, ge=1, description="Passes over a client's samples in one visit (E).")
    over_selection: float = Field(
        0.0,
        ge=0,
        description="Share of further clients invited, so that a round is full although some do not answer.",
    )
    bits: Literal[4, 8, 32] = Field(
        32,
        description="Bits of a weight on its way to a client and back: with 8 or 4, a hand-over is about a quarter or "
        "an eighth as large.",
    )
    participation: Participation = Field(default_factory=Uniform, description="Which clients take part.")

    _training: TrainingSettings = PrivateAttr(default_factory=TrainingSettings)
    _rule: LocalRule = PrivateAttr(default_factory=Plain)
    _server: Server = PrivateAttr(default_factory=Server)
    _places: Callable[[Sequence[int]], Places] | None = PrivateAttr(None)
    _personal: Personal | None = PrivateAttr(None)
    _known: tuple[NDArray[np.int64], dict[int, NDArray[np.float64]]] | None = PrivateAttr(None)

    def bound(
        self,
        training: TrainingSettings,
        rule: LocalRule,
        server: Server | None = None,
        places: Callable[[Sequence[int]], Places] | None = None,
        personal: Personal | None = None,
    ) -> Self:
        """Return the algorithm for a run; without a ``server`` the average is the next model.

        ``places(clients)`` says where clients are on the run's network, if it has one. What is ``personal`` of the
        model stays with each client. Raises :class:`InputError` where it cannot.
        """
        if personal is not None:
            self._check_personal(rule)
        bound = self.model_copy()
        bound._training, bound._rule, bound._server, bound._known = training, rule, server or Server(), None
        bound._places, bound._personal = places, personal
        return bound

    def _check_personal(self, rule: LocalRule) -> None:
        if self.bits != 32:
            raise InputError(
                f"algorithm.bits = {self.bits} rounds a model as a whole, and train.personal keeps a part of it with "
                "the clients: leave out one of them"
            )
        if rule.shared(torch.zeros(1)):
            raise InputError(
                f"train.rule '{rule.name}' tells others how every weight moved, and train.personal is to keep some of "
                "them with the clients: use another rule"
            )

    @property
    def personal(self) -> Personal | None:
        """Which part of the model stays with each client."""
        return self._personal

    @property
    def training(self) -> TrainingSettings:
        """How clients train."""
        return self._training

    @property
    def rule(self) -> LocalRule:
        """What a client does in a visit."""
        return self._rule

    def places(self, clients: Sequence[int]) -> Places | None:
        """Return where ``clients`` are, or ``None`` in a run without a network."""
        return None if self._places is None else self._places(clients)

    @property
    def server(self) -> Server:
        """What becomes of the average."""
        return self._server

    @property
    def reads_histograms(self) -> bool:
        """Whether the chains of a round depend on the clients' label histograms."""
        return self.participation.reads_histograms

    @property
    def reads_places(self) -> bool:
        """Whether the chains of a round depend on where clients are on the network."""
        return False

    def init(self, params: Tensor, counters: Tensor) -> State:
        """Return the state before the first round."""
        return State(0, params.clone(), counters.clone(), self.rule.shared(params))

    @abstractmethod
    def chains(self, cohort: list[int], histograms: NDArray[np.int64], rng: np.random.Generator) -> tuple[Chain, ...]:
        """Return the chains through which the clients of ``cohort`` train; ``histograms`` are all clients'."""

    @property
    def passes(self) -> int:
        """How often a chain visits each of its clients in a round (E_m): once, unless an algorithm says otherwise."""
        return 1

    def plan(self, state: State, view: View, rng: np.random.Generator) -> RoundPlan:
        """Return the next round.

        More clients than ``clients_per_round`` are invited where ``over_selection`` says so; of those that
        answer, the first take part. Raises :class:`InputError` if none answers.
        """
        population = len(view.histograms)
        wanted = min(self.clients_per_round, population)
        invited = min(population, -int(-wanted * (1.0 + self.over_selection) // 1))
        order = draw_with(self._often(view.histograms, invited), rng)
        cohort = [client for client in order if view.available[client]][:wanted]
        if not cohort:
            raise InputError(
                f"round {state.round}: none of {invited} invited clients answered; "
                "raise algorithm.over_selection or lower availability.dropout"
            )
        chains = self.chains(cohort, view.histograms, rng)
        return RoundPlan(
            round=state.round,
            seed=view.seed,
            start=ChainState(state.params, state.counters, state.shared),
            chains=chains,
            training=self.training.local(self.local_epochs, view.progress, view.until),
            prior=torch.from_numpy(self.prior(view.histograms)).to(torch.float32) if self.rule.uses_prior else None,
            client_states={client: state.clients[client] for client in cohort if client in state.clients},
            guard=self.server.guard(state.defence),
            counts={client: int(view.histograms[client].sum()) for client in cohort} if view.weighed else {},
            typical=int(np.median(view.histograms[cohort].sum(axis=1))),
            handover=None if self.bits == 32 else HandOver(self.bits, self.server.in_few_bits),
            personal=self.personal,
        )

    def zero(self, plan: RoundPlan) -> Sum:
        """Return an empty sum for the results of ``plan``."""
        return self.server.aggregator.zero(plan)

    def add(self, total: Sum, result: ChainResult) -> Sum:
        """Add one chain's result, in place of ``total``; a chain in which no visit succeeded adds nothing."""
        if total.plan.guard is not None:
            total.reports += result.reports
        return total.aggregator.add(total, result)

    def finish(self, state: State, total: Sum) -> State:
        """Return the state after the round; without any result the model stays as it is."""
        round_ = state.round + 1
        if total.plan.guard is not None:
            learned = self.server.defence.remember(state.defence, total.reports)
            state = replace(state, defence=learned)
        if total.examples == 0:
            return replace(state, round=round_)
        mean = total.aggregator.mean(total)
        params, memory = self.server.next(state.params, mean.params, mean.stretch, round_, state.server)
        counters = mean.counters
        if self.personal is not None:  # what nobody sent stays as it is, to the last bit
            before = ChainState(state.params, state.counters)
            params, counters = self.personal.handed_on(params, counters, before)
        return replace(
            state,
            round=round_,
            params=params,
            counters=counters,
            shared={name: state.shared[name] + change for name, change in total.extras.items()},
            server=memory,
            clients={**state.clients, **total.clients},
        )

    def deploy(self, state: State) -> tuple[Tensor, Tensor]:
        """Return the ``(params, counters)`` to use, which may differ from those that are sent out."""
        return self.server.deploy(state.params, state.server), state.counters

    def prior(self, histograms: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the effective class prior, shape ``(N,)``: copies, what was kept, and participation counted.

        ``histograms`` ``(K, N)`` are of what each client trains on.
        """
        return effective_prior(histograms, self._often(histograms, self.clients_per_round))

    def _often(self, histograms: NDArray[np.int64], clients: int) -> NDArray[np.float64]:
        """Return how often each client takes part: computed once for histograms that nobody can change."""
        if histograms.flags.writeable:
            return inclusion_probabilities(histograms, clients, self.participation)
        if self._known is None or self._known[0] is not histograms:
            self._known = (histograms, {})
        known = self._known[1]
        if clients not in known:
            known[clients] = inclusion_probabilities(histograms, clients, self.participation)
        return known[clients]
