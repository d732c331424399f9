"""Rounds in simulated seconds: the plan of each round on the network that the settings name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from astraea.balance.mediators import Places
from astraea.federation.clients import Population
from astraea.federation.plan import RoundPlan
from astraea.federation.round import Simulated
from astraea.network.choice import NetworkSettings
from astraea.network.layout import lay_out
from astraea.network.places import places_of
from astraea.network.settings import Network
from astraea.network.transfers import placed

if TYPE_CHECKING:
    from astraea.network.timing import RoundTime

__all__ = ["Simulation", "simulation_of"]


@dataclass(frozen=True)
class Simulation:
    """Times a run's rounds on ``network`` as ``settings`` say; visits train on the samples of ``population``.

    ``told`` is called with each round's plan and time before the round is trained.
    """

    settings: NetworkSettings
    network: Network
    population: Population
    told: Callable[[RoundPlan, RoundTime], object] | None = None

    def time(self, plan: RoundPlan, over: float = 0.0) -> RoundTime:
        """Return what the round of ``plan`` takes, ``over`` simulated seconds of the run being over."""
        from astraea.network.timing import round_time  # the compiler takes a second to load

        sizes, training, chosen = self.population.sizes, plan.training, self.settings

        def steps(client: int) -> int:
            return training.epochs * int(np.ceil(sizes[client] / training.batch_size))

        return round_time(
            plan,
            self.network,
            chosen.congestion,
            chosen.fidelity,
            steps=steps,
            sharing=chosen.sharing,
            begins=over,
        )

    def places(self, clients: Sequence[int]) -> Places:
        """Return where ``clients`` are."""
        return places_of(self.network, clients)

    def __call__(self, plan: RoundPlan, over: float = 0.0) -> Simulated:
        """Return what the loop needs to know of the round of ``plan``, ``over`` simulated seconds being over.

        Raises :class:`InputError` if a trace has changed since the run began.
        """
        self.settings.check(self.network)
        clients = [visit.client for chain in plan.chains for visit in chain.visits]
        plan = placed(plan, lay_out(self.network, clients))
        cost = self.time(plan, over)
        if self.told is not None:
            self.told(plan, cost)
        reason = (
            f"its chain is not back by the network's deadline_s of {self.network.deadline_s:g} s" if cost.late else ""
        )
        return Simulated(plan, cost.seconds, cost.metrics, cost.late, reason)


def simulation_of(settings: NetworkSettings, population: Population) -> Simulation | None:
    """Return what times the rounds of a run, or ``None`` if the settings name no network.

    Raises :class:`InputError` if a client has no site on it.
    """
    if settings.name is None:
        return None
    network = settings.load()
    lay_out(network, range(len(population)))
    return Simulation(settings, network, population)
