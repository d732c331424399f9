"""What a server optimiser is, and the plain one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from pydantic import Field
from torch import Tensor

from astraea.parts import Part

__all__ = ["NoOptimizer", "ServerOptimizer", "ServerState"]

ServerState = Mapping[str, Tensor]
"""What the server remembers from round to round, by name."""


class ServerOptimizer(Part, kind="server optimiser", default="none"):
    """How the average of a round's models becomes the next model."""

    lr: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="Server learning rate, the factor of a round's change."
    )

    @abstractmethod
    def step(self, change: Tensor, memory: ServerState) -> tuple[Tensor, ServerState]:
        """Return the step along a round's ``change`` ``(W,)``, and what to remember; ``memory`` is empty at first."""

    @property
    def keeps_average(self) -> bool:
        """Whether the average itself is the next model."""
        return False


class NoOptimizer(ServerOptimizer, name="none"):
    """The average is the next model."""

    def step(self, change: Tensor, memory: ServerState) -> tuple[Tensor, ServerState]:
        """Return ``lr * change``."""
        return self.lr * change, {}

    @property
    def keeps_average(self) -> bool:
        """Whether the rate is 1."""
        return self.lr == 1.0
