"""Typed settings of the server side; their descriptions are the command line's help."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from astraea.federation.defences import Defence, Finite
from astraea.federation.server.aggregation import Aggregator, SampleMean
from astraea.federation.server.optimizer import NoOptimizer, ServerOptimizer
from astraea.parts import Settings
from astraea.parts.base import Moved

__all__ = ["ServerSettings"]


class ServerSettings(Settings):
    """What the server makes of a round's models: any of this goes with any algorithm."""

    moved: ClassVar = {
        "lr": Moved("optimizer", "lr"),
        "momentum": Moved("optimizer", "momentum", 0.9),
        "second_momentum": Moved("optimizer", "second_momentum", 0.99),
        "adaptivity": Moved("optimizer", "adaptivity", 1e-3),
    }

    aggregation: Aggregator = Field(default_factory=SampleMean, description="How a round's models are averaged.")
    optimizer: ServerOptimizer = Field(
        default_factory=NoOptimizer, description="How the average becomes the next model."
    )
    defence: Defence = Field(
        default_factory=Finite, description="What is made of a visit's work before the next client gets it."
    )
    average: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Weight averaging: the model in use is the mean over rounds, in which a round's weight shrinks by "
        "this factor with each later round (0: off; 0.9: about the last ten).",
    )
    realign: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="Norm to which each class's row of the final layer is brought in the model in use (FedLoGe: 1.7). "
        "Unset: off.",
    )

    @property
    def defended(self) -> bool:
        """Whether anything is done about a visit's work beyond what always is."""
        return type(self.defence) is not Finite
