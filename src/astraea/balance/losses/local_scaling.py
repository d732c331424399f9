"""Local scaling: logits scaled by the client's own class counts (FedLF: Lu et al., ACML 2024)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from astraea.balance.losses.base import ClassView, Loss, client_counts, with_unheld

__all__ = ["LocalScaling"]


class LocalScaling(Loss, name="local-scaling"):
    """Logits scaled by the client's own class counts: FedLF's adjustment of logits (ACML 2024)."""

    takes_prior: ClassVar[bool] = True

    least_scale: float = Field(0.25, ge=0, le=1, description="Factor of the logits of classes that the client lacks.")

    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Return the mean cross-entropy of ``logits * (a + (1 - a) * n_k / max n_k)``, n_k the client's class counts.

        The local scaling of FedLF (Adaptive Logit Adjustment and Feature Optimization in Federated Long-Tailed
        Learning); its class centres and decorrelation of features are the local rule ``class-centred``. ``a`` is
        ``least_scale``; 1 is plain cross-entropy. FedRS has one factor for all classes that the client holds. A class
        that nobody holds, where the prior tells which it is, counts as an average one. Raises :class:`InputError`
        without the client's histogram.
        """
        counts = with_unheld(client_counts(classes).to(logits.dtype), classes)
        scale = self.least_scale + (1 - self.least_scale) * counts / counts.max().clamp(min=1)
        return functional.cross_entropy(logits * scale, targets)
