"""Astraea (Duan et al., ICCD 2019; TPDS 32(1), 2021): mediators pass the model through balanced groups of clients.

The clients of a round are divided among mediators so that the pooled labels of each are close to uniform. A
mediator hands the model from client to client, ``mediator_epochs`` times over, and the mediators' models are
averaged. Rebalancing happens before, on the clients' data; participation decides who is in the round at all.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.balance.losses import RunningPrior
from astraea.balance.mediators import schedule_mediators
from astraea.federation.algorithms.base import Algorithm, AlgorithmSettings, Recipe
from astraea.federation.plan import Chain, Visit

__all__ = ["Astraea", "AstraeaSettings"]


class AstraeaSettings(AlgorithmSettings):
    """Mediators that lead the model through groups of clients with balanced labels."""

    # With the published tau of 1.5, models of strongly skewed clients were 1 to 2 points less accurate.
    recipe: ClassVar[Recipe] = Recipe(RunningPrior(tau=1.0), "mean-power")

    name: Literal["astraea"] = Field("astraea", description="Self-balancing federated learning.")
    clients_per_round: int = Field(50, ge=1, description="Clients that train in a round (c).")
    local_epochs: int = Field(1, ge=1, description="Passes over a client's samples in one visit (E).")
    mediators: Literal["kl", "kl-approximate", "random", "none"] = Field(
        "kl",
        description="How clients are grouped: kl (greedy smallest divergence of the pooled labels from uniform, "
        "the papers' way), kl-approximate (as balanced, for rounds of very many clients), random (the control), "
        "none (every client alone, which leaves rebalancing only).",
    )
    capacity: int = Field(
        50,
        ge=1,
        description="Most clients of one mediator (γ). Long chains learn most from as many samples, short ones run "
        "side by side: the papers have 10.",
    )
    order: Literal["picked", "reversed", "shuffled"] = Field(
        "picked",
        description="In which order a mediator visits its clients: picked (as they were grouped, with kl the most "
        "balanced first; the papers' way), reversed, or shuffled (anew in each pass).",
    )
    mediator_epochs: int = Field(2, ge=1, description="Passes over a mediator's clients in a round (E_m).")


class Astraea(Algorithm):
    """A round is one chain a mediator, each of up to ``capacity`` clients, passed over ``mediator_epochs`` times."""

    settings: AstraeaSettings

    @property
    def passes(self) -> int:
        """E_m: how often a mediator's chain visits each of its clients."""
        return self.settings.mediator_epochs

    def chains(self, cohort: list[int], histograms: NDArray[np.int64], rng: np.random.Generator) -> tuple[Chain, ...]:
        """Return one chain a mediator."""
        settings = self.settings
        if settings.mediators == "none":
            groups = [[place] for place in range(len(cohort))]
        else:
            seed = int(rng.integers(2**63))
            groups = schedule_mediators(histograms[cohort], settings.capacity, settings.mediators, seed=seed)
        return tuple(Chain(number, self._visits(cohort, group, rng)) for number, group in enumerate(groups))

    def _visits(self, cohort: list[int], group: list[int], rng: np.random.Generator) -> tuple[Visit, ...]:
        visits = []
        for pass_ in range(self.settings.mediator_epochs):
            order = group[::-1] if self.settings.order == "reversed" else group
            if self.settings.order == "shuffled":
                order = [group[place] for place in rng.permutation(len(group))]
            visits += [Visit(cohort[place], pass_) for place in order]
        return tuple(visits)
