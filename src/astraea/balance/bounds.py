"""Bounds on what one client can make of the counts of all: its share of prior, copies and weight.

Counts are what clients say of themselves. A client that claims a billion samples of a class would have all others make
tens of thousands of copies of everything else, and its chain all of the weight.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astraea.balance.rebalancing import Rebalancing

__all__ = ["bounded_copies", "bounded_counts"]


def bounded_counts(histograms: NDArray[np.int64], most: float) -> NDArray[np.int64]:
    """Return histograms ``(K, N)`` in which no client has more than ``most`` times the samples of the median client.

    Larger ones are scaled down to that, rounded down, and keep a sample of their most frequent class. Where no client
    is larger, it is ``histograms`` itself that is returned. The median is over clients that hold anything.
    """
    sizes = histograms.sum(axis=1, dtype=np.float64)
    limit = most * float(np.median(sizes[sizes > 0])) if sizes.any() else 0.0
    large = np.flatnonzero(sizes > limit)
    if not len(large):
        return histograms
    bounded = histograms.copy()
    bounded[large] = np.floor(histograms[large] * (limit / sizes[large])[:, None])
    for client in large[~bounded[large].any(axis=1)]:
        bounded[client, histograms[client].argmax()] = 1
    return bounded


def bounded_copies(change: Rebalancing, most: float) -> Rebalancing:
    """Return a rebalancing of at most so many copies of a sample; itself, if it has no more."""
    if not (change.copies > most).any():
        return change
    return Rebalancing(np.minimum(change.copies, most), change.keep)
