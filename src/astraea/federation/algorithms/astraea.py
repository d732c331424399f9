"""Astraea (Duan et al., ICCD 2019; TPDS 32(1), 2021): mediators pass the model through balanced groups of clients.

The clients of a round are divided among mediators so that the pooled labels of each are close to uniform. A
mediator hands the model from client to client, ``mediator_epochs`` times over, and the mediators' models are
averaged. Rebalancing happens before, on the clients' data; participation decides who is in the round at all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.balance.losses import RunningPrior
from astraea.balance.mediators import GreedyKL, MediatorRule, schedule_mediators
from astraea.balance.rebalancing import MeanPower
from astraea.federation.algorithms.base import Algorithm, Recipe, State, View
from astraea.federation.plan import Chain, RoundPlan, Visit

__all__ = ["Astraea"]


class Astraea(Algorithm, name="astraea"):
    """Mediators that lead the model through groups of clients with balanced labels.

    A round is one chain a mediator, each of up to ``capacity`` clients, passed over ``mediator_epochs`` times.
    """

    # With the published tau of 1.5, models of strongly skewed clients were 1 to 2 points less accurate. At twice the
    # rate, visits of five epochs forget what came before.
    recipe: ClassVar[Recipe] = Recipe(RunningPrior(tau=1.0), MeanPower(), lr=0.01, decay="visits")

    clients_per_round: int = Field(20, ge=1, description="Clients that train in a round (c); all, if there are fewer.")
    local_epochs: int = Field(5, ge=1, description="Passes over a client's samples in one visit (E).")
    mediators: MediatorRule = Field(default_factory=GreedyKL, description="How clients are grouped.")
    capacity: int = Field(
        20,
        ge=1,
        description="Most clients of one mediator (γ). Long chains learn most from as many samples, short ones run "
        "side by side: the papers have 10.",
    )
    shorten_after: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the run from which on chains are shorter; long ones gain most while the model changes "
        "fast.",
    )
    capacity_after: int = Field(10, ge=1, description="Most clients of one mediator from then on.")
    order: Literal["picked", "reversed", "shuffled"] = Field(
        "picked",
        description="In which order a mediator visits its clients: picked (as they were grouped, with kl the most "
        "balanced first; the papers' way), reversed, or shuffled (anew in each pass).",
    )
    returns: Literal["last", "mean"] = Field(
        "last",
        description="What a mediator gives to the average: the model of its last visit (the papers' way), or the mean "
        "of the models after each visit, by samples, which forgets nobody where a visit moves the model far.",
    )
    mediator_epochs: int = Field(
        1,
        ge=1,
        le=1_000,
        description="Passes over a mediator's clients in a round (E_m); each sends the model to all of them again. The "
        "papers: 2, with one local epoch.",
    )

    @property
    def passes(self) -> int:
        """E_m: how often a mediator's chain visits each of its clients."""
        return self.mediator_epochs

    @property
    def reads_histograms(self) -> bool:
        """Whether participation or mediators depend on the clients' label histograms."""
        return super().reads_histograms or self.mediators.reads_histograms

    @property
    def reads_places(self) -> bool:
        """Whether mediators weigh hand-overs on the network."""
        return self.mediators.reads_places

    def plan(self, state: State, view: View, rng: np.random.Generator) -> RoundPlan:
        """Return the next round, with shorter chains once the run is so far."""
        if view.progress < self.shorten_after:
            return replace(super().plan(state, view, rng), returns=self.returns)
        short = self.model_copy(update={"capacity": self.capacity_after, "shorten_after": 1.0})
        return short.plan(state, view, rng)

    def chains(self, cohort: list[int], histograms: NDArray[np.int64], rng: np.random.Generator) -> tuple[Chain, ...]:
        """Return one chain a mediator."""
        seed = int(rng.integers(2**63))
        places = self.places(cohort) if self.reads_places else None
        groups = schedule_mediators(histograms[cohort], self.capacity, self.mediators, seed=seed, places=places)
        return tuple(Chain(number, self._visits(cohort, group, rng)) for number, group in enumerate(groups))

    def _visits(self, cohort: list[int], group: list[int], rng: np.random.Generator) -> tuple[Visit, ...]:
        visits = []
        for pass_ in range(self.mediator_epochs):
            order = group[::-1] if self.order == "reversed" else group
            if self.order == "shuffled":
                order = [group[place] for place in rng.permutation(len(group))]
            visits += [Visit(cohort[place], pass_) for place in order]
        return tuple(visits)
