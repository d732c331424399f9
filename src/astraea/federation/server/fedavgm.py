"""FedAvgM: momentum at the server (Hsu et al., 2019)."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from astraea.federation.server.settings import ServerSettings

__all__ = ["fedavgm"]


def fedavgm(
    change: Tensor, memory: Mapping[str, Tensor], settings: ServerSettings, lr: float
) -> tuple[Tensor, Mapping[str, Tensor]]:
    """Return the step along a round's ``change`` ``(W,)``, and what to remember.

    ``v = momentum * v + change``, the step is ``lr * v``; v begins at zero. Measuring the Effects of Non-Identical
    Data Distribution for Federated Visual Classification (Hsu, Qi & Brown, arXiv:1909.06335, section 4.3).
    """
    velocity = change if "velocity" not in memory else settings.momentum * memory["velocity"] + change
    return lr * velocity, {"velocity": velocity}
