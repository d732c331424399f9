"""FedLC: margins by the client's own counts (Zhang et al., ICML 2022)."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from astraea.balance.losses.base import ClassView, Loss, client_counts, with_unheld

__all__ = ["FedLC"]

_ABSENT = 1e-8


class FedLC(Loss, name="fedlc"):
    """Margins by the client's own class counts (Zhang et al., ICML 2022)."""

    takes_prior: ClassVar[bool] = True

    tau: float = Field(1.0, ge=0, allow_inf_nan=False, description="Strength of the margins.")

    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Return the mean cross-entropy of ``logits - tau * n_k ** (-1/4)``, n_k being the client's class counts.

        Federated Learning with Label Distribution Skew via Logits Calibration (Zhang et al., ICML 2022).
        A class that the client lacks counts 1e-8, as in FL-bench, and so loses 100 tau from its logit;
        one that nobody holds, where the prior tells which it is, counts as an average one. The paper
        searches tau; 1 is FL-bench's value. Raises :class:`InputError` without the client's histogram.
        """
        counts = with_unheld(client_counts(classes).to(logits.dtype), classes)
        margin = counts.clamp(min=_ABSENT) ** -0.25
        return functional.cross_entropy(logits - self.tau * margin, targets)
