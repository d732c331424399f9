"""Classifier realignment: rows of the final layer brought to one norm (Xiao et al., ICLR 2024)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from astraea.errors import InputError
from astraea.federation.vector import VectorModel

__all__ = ["Classifier", "find_classifier", "realigned"]


@dataclass(frozen=True, slots=True)
class Classifier:
    """Where the final layer's weight lies in a model's vector: ``classes`` rows from ``start`` to ``stop``."""

    start: int
    stop: int
    classes: int


def find_classifier(model: VectorModel, classes: int) -> Classifier:
    """Return the last trainable weight that has a row for each class.

    Raises :class:`InputError` if there is none.
    """
    found, offset = None, 0
    for view in model.named(model.weights).values():
        if view.ndim >= 2 and len(view) == classes:
            found = Classifier(offset, offset + view.numel(), classes)
        offset += view.numel()
    if found is None:
        raise InputError(
            f"server.realign needs a trainable final layer with a row for each of {classes} classes, "
            "and this model has none: leave server.realign out"
        )
    return found


def realigned(params: Tensor, classifier: Classifier, norm: float) -> Tensor:
    """Return ``params`` ``(P,)`` with ``W_c <- norm * W_c / ||W_c||_2`` for each class c of the final layer.

    Classifiers trained on long tails have larger norms for common classes; FedLoGe (Xiao et al., ICLR 2024)
    removes that after training, without any data, with norm 1.7. Biases stay as they are; a row of zeros too.
    """
    changed = params.clone()
    rows = changed[classifier.start : classifier.stop].view(classifier.classes, -1)
    length = rows.norm(dim=1, keepdim=True)
    rows.mul_(norm / length.where(length > 0, norm))
    return changed
