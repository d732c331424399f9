"""Logit adjustment by one prior for all clients (Menon et al., ICLR 2021)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from astraea.balance.losses.base import ClassView, effective_log_prior

__all__ = ["logit_adjustment"]


def logit_adjustment(logits: Tensor, targets: Tensor, classes: ClassView, tau: float = 1.0) -> Tensor:
    """Return the mean cross-entropy of ``logits + tau * log_prior``; a model is then used without the offset.

    ``logits`` has shape ``(B, N)``, ``targets`` ``(B,)``; the prior is the effective one. The logit-adjusted
    loss of Menon et al. (ICLR 2021), with ``tau`` 1 the balanced softmax of Ren et al. (NeurIPS
    2020). ``tau`` is at least 0, and 0 is plain cross-entropy. A class that nobody holds has log
    prior log 1e-9. Raises :class:`InputError` without a prior.
    """
    return functional.cross_entropy(logits + tau * effective_log_prior(classes), targets)
