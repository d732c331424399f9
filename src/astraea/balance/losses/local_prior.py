"""Logit adjustment by each client's own prior, fixed or running (FedYoYo, ICCV 2025)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from astraea.balance.losses.base import ClassView, client_counts, effective_log_prior

__all__ = ["local_prior", "running_prior"]

_EPSILON = 1e-9


def local_prior(logits: Tensor, targets: Tensor, classes: ClassView, tau: float = 1.0) -> Tensor:
    """Return the mean cross-entropy of ``logits + tau * log(pi_k + 1e-9)``, pi_k being the client's own prior.

    Menon et al. (ICLR 2021) on the data that the client really trains on: local skew and global imbalance are
    corrected together, and classes that the client lacks are as good as left out of its softmax.
    Raises :class:`InputError` without the client's histogram.
    """
    own = _distribution(client_counts(classes))
    return functional.cross_entropy(logits + tau * (own + _EPSILON).log(), targets)


def running_prior(
    logits: Tensor, targets: Tensor, classes: ClassView, tau: float = 1.5, prior_rate: float = 0.1
) -> Tensor:
    """Return the mean cross-entropy of ``logits + log(prior_t ** tau + 1e-9)``, prior_t moving from global to local.

    The distribution-aware logit adjustment of FedYoYo (Yan et al., ICCV 2025; official code, ``local_train``):
    a visit begins with the global prior, and each batch, before its loss is taken, moves it to
    ``(1 - g) * prior + g * pi_k``. After t batches that is ``(1 - g)^t * prior_0 + (1 - (1 - g)^t) * pi_k``,
    which is computed here, so no state is kept. g is ``prior_rate`` in [0, 1]. FedYoYo estimates prior_0 from the
    spread of features; here it is the effective prior. Its self-distillation is not part of the loss.
    Raises :class:`InputError` without a prior or the client's histogram.
    """
    own = _distribution(client_counts(classes))
    left = (1.0 - prior_rate) ** (classes.step + 1)
    prior = left * effective_log_prior(classes).exp() + (1.0 - left) * own
    return functional.cross_entropy(logits + (prior**tau + _EPSILON).log(), targets)


def _distribution(counts: Tensor) -> Tensor:
    return counts / counts.sum()
