"""What an attack is, and the adversary who makes some clients of a federation carry it out.

An attack may change what a client trains on, what it tells of its labels, and what it hands on. The adversary may also
choose where in their chains its clients come: the last one of a chain has the last word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from astraea.data.dataset import Samples
from astraea.data.scenario import Scenario
from astraea.federation.plan import ChainState, RoundPlan, Visit
from astraea.federation.walk import Trained
from astraea.parts import Part, Settings
from astraea.seeding import Purpose, stream, torch_seed

__all__ = ["Adversary", "Attack", "AttackSettings", "NoAttack", "Target", "adversary_of"]


@dataclass(frozen=True)
class Target:
    """What an attack is after: test samples, changed or not, and the class that each is to be taken for."""

    samples: Samples
    wanted: NDArray[np.int64]


class Attack(Part, kind="attack", default="none"):
    """What hostile clients do; each of these changes nothing unless an attack says so."""

    def told(self, histogram: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the label histogram ``(N,)`` that a client tells, of one that holds ``histogram``."""
        return histogram

    def poisoned(self, samples: Samples, counts: NDArray[np.int64]) -> Samples:
        """Return what a client trains on, of its ``samples``; ``counts`` ``(N,)`` are those of all clients."""
        return samples

    def handed_on(self, before: Tensor, after: Tensor, generator: torch.Generator) -> Tensor:
        """Return the model ``(P,)`` that a client hands on, which got ``before`` and trained it to ``after``."""
        return after

    def target(self, test: Samples, counts: NDArray[np.int64]) -> Target | None:
        """Return what the attack is after; ``None`` for one that only wants to do harm."""
        return None


class NoAttack(Attack, name="none"):
    """All clients are honest."""


class AttackSettings(Settings):
    """Hostile clients, for research on defences: what they do is simulated here, and harms this run alone."""

    attack: Attack = Field(default_factory=NoAttack, description="What hostile clients do.")
    share: float = Field(0.1, ge=0, le=1, description="Share of the clients that are hostile, drawn at random.")
    place: Literal["any", "first", "last"] = Field(
        "any", description="Where hostile clients come in their chains: as it happens, first, or last."
    )


@dataclass(frozen=True)
class Adversary:
    """Makes the hostile ``clients`` of a run carry out an attack; ``seed`` is the run's."""

    settings: AttackSettings
    clients: frozenset[int]
    seed: int

    def placed(self, plan: RoundPlan) -> RoundPlan:
        """Return the plan with this adversary in it, whose clients take their places in each pass of each chain."""
        place = self.settings.place
        if place == "any":
            return replace(plan, adversary=self)

        def order(visit: Visit) -> tuple[int, bool]:
            return visit.pass_, (visit.client in self.clients) == (place == "last")

        chains = tuple(replace(chain, visits=tuple(sorted(chain.visits, key=order))) for chain in plan.chains)
        return replace(plan, chains=chains, adversary=self)

    def handed_on(self, plan: RoundPlan, visit: Visit, before: ChainState, trained: Trained) -> Trained:
        """Return what a client gives back after its training."""
        if visit.client not in self.clients:
            return trained
        seed = torch_seed(self.seed, Purpose.ATTACK, plan.round, visit.client, visit.pass_)
        generator = torch.Generator().manual_seed(seed)
        return trained._replace(params=self.settings.attack.handed_on(before.params, trained.params, generator))

    def told(self, histograms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the label histograms ``(K, N)`` that clients tell."""
        told = histograms.copy()
        for client in sorted(self.clients):
            told[client] = self.settings.attack.told(histograms[client])
        return told

    def poisoned(self, scenario: Scenario) -> Samples:
        """Return the training samples of all clients with those of hostile ones as they train on them."""
        whole, changed = scenario.train, None
        for client in sorted(self.clients):
            rows = scenario.clients[client]
            own = whole.take(rows)
            found = self.settings.attack.poisoned(own, scenario.global_counts)
            if found is not own:
                changed = changed or replace(whole, x=np.array(whole.x), y=whole.y.copy())
                changed.x[rows], changed.y[rows] = found.x, found.y
        return changed or whole

    def target(self, scenario: Scenario) -> Target | None:
        """Return what the attack is after among the test samples."""
        return self.settings.attack.target(scenario.test, scenario.global_counts)

    def facts(self, names: tuple[str, ...]) -> Mapping[str, object]:
        """Return what a summary says."""
        return {"attack": self.settings.attack.name, "hostile": [names[client] for client in sorted(self.clients)]}


def adversary_of(settings: AttackSettings, clients: int, seed: int) -> Adversary | None:
    """Return the adversary of a run with so many clients, or ``None`` if all are honest."""
    hostile = round(settings.share * clients)
    if isinstance(settings.attack, NoAttack) or not hostile:
        return None
    drawn = stream(seed, Purpose.ATTACK).permutation(clients)[:hostile]
    return Adversary(settings, frozenset(drawn.tolist()), seed)
