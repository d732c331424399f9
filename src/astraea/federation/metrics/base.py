"""What a metric is, and how metrics are taken over all test samples and over those of each client."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from astraea.errors import InputError
from astraea.parts import Part
from astraea.parts.functions import part_of, takes

__all__ = ["Metric", "Predicted", "measured"]

_GIVEN = ("labels", "predictions", "scores", "classes")


@dataclass(frozen=True)
class Predicted:
    """What a model says of test samples.

    ``labels`` ``(n,)`` are true, ``predictions`` ``(n,)`` the model's; ``scores`` ``(n, N)`` are its probabilities
    of the N ``classes``. With several labels a sample, the first two are ``(n, N)``, 0 or 1. In a regression they are
    numbers, and ``scores`` the predictions.
    """

    labels: NDArray[Any]
    predictions: NDArray[Any]
    scores: NDArray[np.floating]
    classes: int

    def take(self, rows: NDArray[np.integer]) -> Predicted:
        """Return what is said of the samples at ``rows``."""
        return Predicted(self.labels[rows], self.predictions[rows], self.scores[rows], self.classes)

    @property
    def held(self) -> NDArray[np.integer]:
        """The classes that have samples."""
        return np.flatnonzero(self.labels.any(axis=0)) if self.labels.ndim == 2 else np.unique(self.labels)


class Metric(Part, kind="metric", default="f1"):
    """A number, or a table of numbers, that says how good predictions are.

    A function is taken for one too; its parameters are any of ``labels``, ``predictions``, ``scores`` and ``classes``
    by name (see :class:`Predicted`), or two of other names for the first two. ``regression`` says whether it is of
    predicted numbers; ``None``: of these or of classes.
    """

    regression: ClassVar[bool | None] = None

    @abstractmethod
    def __call__(self, predicted: Predicted) -> Any:
        """Return the metric of at least one sample: a number or nested lists of them; NaN where it is undefined."""

    @property
    def key(self) -> str:
        """Under which name it stands in metrics."""
        return self.called().rpartition(":")[2].rpartition(".")[2]

    @classmethod
    def accepted(cls, found: Any, name: str) -> type[Self]:
        """Return ``found`` as a metric, which may be a function. Raises :class:`InputError` if it is none."""
        asked = [key for key in _GIVEN if callable(found) and takes(found, key)]

        def call(self: Metric, predicted: Predicted) -> Any:
            if asked:
                return found(**{key: getattr(predicted, key) for key in asked})
            return found(predicted.labels, predicted.predictions)

        made = part_of(cls._root, found, call)
        return super().accepted(found, name) if made is None else cast("type[Self]", made)


def measured(
    metrics: Sequence[Metric], predicted: Predicted, owners: NDArray[np.integer] | None, clients: int
) -> dict[str, Any]:
    """Return every metric by its key, and under ``KEY_clients`` one for each client.

    ``owners`` ``(n,)`` gives the client of each sample, -1 for none; a client without samples has ``None``, and without
    owners nothing is said of clients. Raises :class:`InputError` if a metric cannot be computed.
    """
    found: dict[str, Any] = {}
    for metric in metrics:
        found[metric.key] = _value(metric, predicted)
        if owners is not None:
            rows = [np.flatnonzero(owners == client) for client in range(clients)]
            found[f"{metric.key}_clients"] = [_value(metric, predicted.take(own)) if len(own) else None for own in rows]
    return found


def _value(metric: Metric, predicted: Predicted) -> Any:
    try:
        value = metric(predicted)
        if isinstance(value, Mapping):
            return {str(key): np.asarray(one).tolist() for key, one in value.items()}
        return np.asarray(value).tolist()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"metric '{metric.key}' fails ({type(error).__name__}: {error}): check it") from error
