"""FedAvg (McMahan et al., AISTATS 2017): every client trains from the same model, the results are averaged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.federation.algorithms.base import Algorithm
from astraea.federation.plan import Chain, Visit

__all__ = ["FedAvg"]


class FedAvg(Algorithm, name="fedavg"):
    """Federated averaging: every client trains from the same model.

    A round is ``c`` chains of one visit each.
    """

    clients_per_round: int = Field(20, ge=1, description="Clients that train in a round (c).")
    local_epochs: int = Field(5, ge=1, description="Passes over a client's samples in one visit (E).")

    def chains(self, cohort: list[int], histograms: NDArray[np.int64], rng: np.random.Generator) -> tuple[Chain, ...]:
        """Return one chain a client."""
        return tuple(Chain(number, (Visit(client),)) for number, client in enumerate(cohort))
