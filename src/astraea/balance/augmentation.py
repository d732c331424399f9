"""What a rebalancing does to one client's samples: which are dropped, and which are repeated as copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astraea.balance.rebalancing import Rebalancing

__all__ = ["ClientSamples", "augmented_rows"]


@dataclass(frozen=True, eq=False)
class ClientSamples:
    """What one client trains on.

    ``rows``, shape ``(n,)``, are rows of the shared sample array, each as often as it is trained on in an
    epoch; ``fresh``, shape ``(n,)``, marks the copies among them, which are to be transformed: once before
    training (offline), or anew each time they are drawn (on the fly).
    """

    rows: NDArray[np.int64]
    fresh: NDArray[np.bool_]


def augmented_rows(
    labels: NDArray[np.int64] | NDArray[np.bool_],
    rows: NDArray[np.int64],
    rebalancing: Rebalancing,
    rng: np.random.Generator,
) -> ClientSamples:
    """Return what the client that holds ``rows``, shape ``(n,)``, trains on; ``labels`` are of all rows.

    A sample of class ``y`` is kept with probability ``keep[y]``; a kept one gets ``floor(copies[y])`` copies
    and another with the probability of the remainder, so that the expected numbers are the rebalancing's. A
    client that would lose all its samples keeps one. Copies are appended, then all is shuffled, as in the
    papers. Of a sample with several labels, ``labels`` being ``(n, N)``, the one that calls for most copies decides.
    """
    if len(rows) == 0:
        return ClientSamples(np.empty(0, np.int64), np.empty(0, np.bool_))
    keep = rng.random(len(rows)) < _of_samples(rebalancing.keep, labels[rows])
    if not keep.any():
        keep[rng.integers(len(rows))] = True
    kept = rows[keep]
    wanted = _of_samples(rebalancing.copies, labels[kept])
    whole = np.floor(wanted)
    copies = (whole + (rng.random(len(kept)) < wanted - whole)).astype(np.int64)
    together = np.concatenate((kept, np.repeat(kept, copies)))
    order = rng.permutation(len(together))
    return ClientSamples(together[order], order >= len(kept))


def _of_samples(values: NDArray[np.float64], labels: NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return for each sample the value of its class ``(n,)``, or the largest of those of its classes ``(n, N)``."""
    if labels.ndim == 1:
        return values[labels]
    found: NDArray[np.float64] = np.where(labels, values, 0.0).max(axis=1)
    return found
