"""Who trains, in which order, and how results become the next model: one file an algorithm."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from astraea.federation.algorithms.astraea import Astraea, AstraeaSettings
from astraea.federation.algorithms.base import Algorithm, AlgorithmSettings, State, Sum, View
from astraea.federation.algorithms.fedavg import FedAvg, FedAvgSettings
from astraea.federation.rule import LocalRule
from astraea.federation.server import Server
from astraea.federation.settings import TrainingSettings

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "AlgorithmSettings",
    "AnyAlgorithmSettings",
    "Astraea",
    "AstraeaSettings",
    "FedAvg",
    "FedAvgSettings",
    "State",
    "Sum",
    "View",
    "make_algorithm",
]

ALGORITHMS: dict[type[AlgorithmSettings], type[Algorithm]] = {
    FedAvgSettings: FedAvg,
    AstraeaSettings: Astraea,
}

AnyAlgorithmSettings = Annotated[FedAvgSettings | AstraeaSettings, Field(discriminator="name")]


def make_algorithm(
    settings: AlgorithmSettings, training: TrainingSettings, rule: LocalRule, server: Server | None = None
) -> Algorithm:
    """Return the algorithm that ``settings`` describe; without a ``server`` the average is the next model."""
    return ALGORITHMS[type(settings)](settings, training, rule, server)
