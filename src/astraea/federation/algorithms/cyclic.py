"""CyclicFL (Zhang et al., 2023, arXiv:2301.12193): first one model goes from client to client, then FedAvg."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import Field

from astraea.federation.algorithms.base import State, View
from astraea.federation.algorithms.fedavg import FedAvg
from astraea.federation.plan import Chain, RoundPlan

__all__ = ["Cyclic"]


class Cyclic(FedAvg, name="cyclic"):
    """Federated averaging from a model that was first handed from client to client: CyclicFL (Zhang et al., 2023).

    In the first rounds the clients of a round are one chain, visited once each; in the others they train side by side.
    """

    pretraining: float = Field(0.2, ge=0, le=1, description="Share of the run in which a round is one chain.")

    def plan(self, state: State, view: View, rng: np.random.Generator) -> RoundPlan:
        """Return the next round: FedAvg's, as one chain while the share of the run that is done is below that."""
        plan = super().plan(state, view, rng)
        if view.progress >= self.pretraining:
            return plan
        return replace(plan, chains=(Chain(0, tuple(visit for chain in plan.chains for visit in chain.visits)),))
