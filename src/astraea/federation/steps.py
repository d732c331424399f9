"""How far local steps carry: what SCAFFOLD divides a displacement by and FedNova normalises with."""

from __future__ import annotations

__all__ = ["effective_steps"]


def effective_steps(steps: int, momentum: float = 0.0) -> float:
    """Return by how many learning rates ``steps`` equal gradients of 1 move a weight.

    Plain SGD: ``steps``. With heavy-ball momentum rho, begun at rest:
    ``(steps - rho * (1 - rho^steps) / (1 - rho)) / (1 - rho)``, the norm ``||a||_1`` of Wang et al. (FedNova,
    NeurIPS 2020, section 4).
    """
    if not momentum:
        return float(steps)
    return (steps - momentum * (1.0 - momentum**steps) / (1.0 - momentum)) / (1.0 - momentum)
