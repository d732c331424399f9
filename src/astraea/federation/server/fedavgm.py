"""FedAvgM: momentum at the server (Hsu et al., 2019)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from astraea.federation.server.optimizer import ServerOptimizer, ServerState

__all__ = ["FedAvgM"]


class FedAvgM(ServerOptimizer, name="momentum"):
    """Momentum at the server: FedAvgM (Hsu et al., 2019)."""

    momentum: float = Field(0.9, ge=0, lt=1, description="Share of the last rounds' change.")

    def step(self, change: Tensor, memory: ServerState) -> tuple[Tensor, ServerState]:
        """Return the step along a round's ``change`` ``(W,)``, and what to remember.

        ``v = momentum * v + change``, the step is ``lr * v``; v begins at zero. Measuring the Effects of Non-Identical
        Data Distribution for Federated Visual Classification (Hsu, Qi & Brown, arXiv:1909.06335, section 4.3).
        """
        velocity = change if "velocity" not in memory else self.momentum * memory["velocity"] + change
        return self.lr * velocity, {"velocity": velocity}
