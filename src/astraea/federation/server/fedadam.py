"""FedAdam: Adam at the server (Reddi et al., ICLR 2021)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from astraea.federation.server.optimizer import ServerOptimizer, ServerState

__all__ = ["FedAdam"]


class FedAdam(ServerOptimizer, name="adam"):
    """Adam at the server: FedAdam (Reddi et al., ICLR 2021)."""

    lr: float = Field(
        0.01, gt=0, allow_inf_nan=False, description="Server learning rate, the factor of a round's change."
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="Share of the last rounds' change (beta 1).")
    second_momentum: float = Field(0.99, ge=0, lt=1, description="Share of the last rounds' squares (beta 2).")
    adaptivity: float = Field(
        1e-3, gt=0, allow_inf_nan=False, description="Added to the root of the squares (tau); less adapts more."
    )

    def step(self, change: Tensor, memory: ServerState) -> tuple[Tensor, ServerState]:
        """Return the step along a round's ``change`` ``(W,)``, and what to remember.

        ``m = b1 m + (1 - b1) change``, ``v = b2 v + (1 - b2) change^2``, the step is ``lr * m / (sqrt(v) + tau)``;
        m begins at 0 and v at tau^2, and neither is corrected for its begin, as in Adaptive Federated Optimization
        (Reddi et al., ICLR 2021, Algorithm 2).
        """
        tau = self.adaptivity
        mean = memory.get("mean", torch.zeros_like(change))
        square = memory.get("square", torch.full_like(change, tau**2))
        mean = torch.lerp(mean, change, 1.0 - self.momentum)
        square = torch.lerp(square, change**2, 1.0 - self.second_momentum)
        return self.lr * mean / (square.sqrt() + tau), {"mean": mean, "square": square}
