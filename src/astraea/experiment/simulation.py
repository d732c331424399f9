"""Rounds in simulated seconds: the plan of each round on the network that the settings name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from astraea.experiment.arms import arm_settings
from astraea.experiment.cost import first_round
from astraea.experiment.prepare import prepare
from astraea.federation.clients import Population
from astraea.federation.plan import RoundPlan
from astraea.network.choice import NetworkSettings
from astraea.network.settings import Network
from astraea.network.timing import RoundTime, round_time

__all__ = ["Simulation", "round_costs"]


@dataclass(frozen=True)
class Simulation:
    """Times a run's rounds on ``network`` as ``settings`` say; visits train on the samples of ``population``."""

    settings: NetworkSettings
    network: Network
    population: Population

    def time(self, plan: RoundPlan) -> RoundTime:
        """Return what the round of ``plan`` takes."""
        sizes, training = self.population.histograms.sum(axis=1), plan.training

        def steps(client: int) -> int:
            return training.epochs * int(np.ceil(sizes[client] / training.batch_size))

        chosen = self.settings
        return round_time(plan, self.network, chosen.congestion, chosen.fidelity, steps=steps, sharing=chosen.sharing)

    def metrics(self, plan: RoundPlan) -> dict[str, Any]:
        """Return what a line of metrics says of it."""
        cost = self.time(plan)
        return {
            "round_seconds": cost.seconds,
            "round_compute_seconds": cost.compute,
            "round_transfer_seconds": cost.transfer,
            "round_waiting_seconds": cost.waiting,
            "round_bound_seconds": cost.bound,
            "straggler": cost.straggler if cost.straggler >= 0 else None,
            "chains_late": len(cost.late),
            "busiest_link_utilisation": max(cost.utilisation.values()),
        }


def round_costs(
    tables: Mapping[str, Any], arms: Sequence[str], network: Network, *, congestion: str, sharing: str = "fair"
) -> dict[str, RoundTime]:
    """Return what a round of each arm takes on ``network``, without training; ``tables`` are settings as in TOML."""
    base = dict(tables)
    own = base.pop("arms", {})
    settings = NetworkSettings(name=network.name, congestion=congestion, sharing=sharing)
    costs = {}
    for arm in arms:
        experiment = prepare(arm_settings(base, arm, own))
        try:
            costs[arm] = Simulation(settings, network, experiment.population).time(first_round(experiment))
        finally:
            experiment.engine.close()
    return costs
