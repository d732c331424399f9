"""FedProx: a pull back to the model that the client received (Li et al., MLSys 2020)."""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from astraea.federation.rule import LocalRule, VisitContext

__all__ = ["FedProx"]


class FedProx(LocalRule, name="fedprox"):
    """A pull back to the model that the client received (Li et al., MLSys 2020).

    Descent on ``loss + mu / 2 * ||w - w_start||^2``: the gradient gains ``mu * (w - w_start)``.

    Federated Optimization in Heterogeneous Networks (Li et al., MLSys 2020, equation 2). The paper searches mu
    in {0.001, 0.01, 0.1, 1}. ``w_start`` is the model that the client received: with FedAvg the server's, as in
    the paper; within a chain that of the client before. Nothing travels but the model.
    """

    mu: float = Field(0.01, ge=0, allow_inf_nan=False, description="Strength of the pull; usually 0.001 to 1.")

    def gradient(self, gradient: Tensor, weights: Tensor, context: VisitContext) -> Tensor:
        """Return the gradient plus the pull, shape ``(..., W)``."""
        return gradient + self.mu * (weights - context.start)
