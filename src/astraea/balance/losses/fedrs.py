"""FedRS: a softmax restricted to the classes that the client holds (Li & Zhan, KDD 2021)."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from astraea.balance.losses.base import ClassView, Loss, client_counts, with_unheld

__all__ = ["FedRS"]


class FedRS(Loss, name="fedrs"):
    """A softmax restricted to the classes that the client holds (Li & Zhan, KDD 2021)."""

    takes_prior: ClassVar[bool] = True

    absent_scale: float = Field(
        0.5, ge=0, le=1, description="Factor of the logits of classes that the client lacks (the paper's alpha)."
    )

    def __call__(self, logits: Tensor, targets: Tensor, classes: ClassView) -> Tensor:
        """Return the mean cross-entropy of ``logits`` in which classes that the client lacks are scaled down.

        FedRS: Federated Learning with Restricted Softmax for Label Distribution Non-IID Data (Li & Zhan, KDD 2021):
        the logit of a class that the client lacks is multiplied by ``absent_scale``, so that a client pushes the
        weights of absent classes away less. 1 is plain cross-entropy. A class that nobody holds, where the prior tells
        which it is, is not scaled.
        Raises :class:`InputError` without the client's histogram.
        """
        counts = with_unheld(client_counts(classes), classes)
        scale = torch.where(counts > 0, 1.0, self.absent_scale).to(logits.dtype)
        return functional.cross_entropy(logits * scale, targets)
