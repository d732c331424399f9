"""FedAdam: Adam at the server (Reddi et al., ICLR 2021)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from astraea.federation.server.settings import ServerSettings

__all__ = ["fedadam"]


def fedadam(
    change: Tensor, memory: Mapping[str, Tensor], settings: ServerSettings, lr: float
) -> tuple[Tensor, Mapping[str, Tensor]]:
    """Return the step along a round's ``change`` ``(W,)``, and what to remember.

    ``m = b1 m + (1 - b1) change``, ``v = b2 v + (1 - b2) change^2``, the step is ``lr * m / (sqrt(v) + tau)``;
    m begins at 0 and v at tau^2, and neither is corrected for its begin, as in Adaptive Federated Optimization
    (Reddi et al., ICLR 2021, Algorithm 2).
    """
    tau = settings.adaptivity
    mean = memory.get("mean", torch.zeros_like(change))
    square = memory.get("square", torch.full_like(change, tau**2))
    mean = torch.lerp(mean, change, 1.0 - settings.momentum)
    square = torch.lerp(square, change**2, 1.0 - settings.second_momentum)
    return lr * mean / (square.sqrt() + tau), {"mean": mean, "square": square}
