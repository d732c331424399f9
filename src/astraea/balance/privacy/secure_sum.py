"""The server learns the histogram of all clients, exactly, and of each no more than a group code."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.balance.privacy.base import HistogramPrivacy, Told

__all__ = ["SecureSum", "histograms_from_codes"]

_PASSES = 200


class SecureSum(HistogramPrivacy, name="secure-sum"):
    """The server learns the sum of all counts and no client's; mediators go by group codes.

    This says what a run comes to under a secure sum. The protocol that keeps the counts from a real server is not part
    of this package. A client's code is its most frequent class, told by randomised response: with ε the truth is told
    with chance ``e^ε / (e^ε + N - 1)``, and else another class. All clients count alike in the average, as sizes stay
    unknown.
    """

    code_epsilon: float = Field(
        4.0,
        ge=0,
        allow_inf_nan=False,
        description="ε of the group code that a client tells: 0 tells nothing, and mediators are as good as random.",
    )

    def told(self, histograms: NDArray[np.int64], rng: np.random.Generator) -> Told:
        """Return what the server makes of the sum and the codes; codes of this simulation are drawn from ``rng``."""
        counts = histograms.sum(axis=0)
        classes = len(counts)
        codes = histograms.argmax(axis=1)
        truthful = math.exp(self.code_epsilon) / (math.exp(self.code_epsilon) + classes - 1)
        lying = rng.random(len(codes)) >= truthful
        others = (codes + rng.integers(1, max(classes, 2), len(codes))) % classes
        told = np.where(lying, others, codes)
        return Told(histograms_from_codes(counts, told, truthful), counts, self.code_epsilon)


def histograms_from_codes(counts: NDArray[np.int64], codes: NDArray[np.int64], truthful: float) -> NDArray[np.int64]:
    """Return histograms ``(K, N)`` that agree with ``counts`` ``(N,)`` of all clients and their ``codes`` ``(K,)``.

    All clients are taken to be of one size. A client holds its class more often than others do, as far as a code is
    ``truthful`` (a chance), and the rest as all clients do: rows and columns are brought to their sums by turns
    (iterative proportional fitting, Deming & Stephan 1940).
    """
    clients, classes = len(codes), len(counts)
    share = counts / counts.sum()
    fitted = np.tile(share, (clients, 1)) * (1 - truthful / 2)
    fitted[np.arange(clients), codes] += truthful / 2
    fitted *= share > 0
    size = counts.sum() / clients
    for _ in range(_PASSES):
        fitted *= np.divide(counts, fitted.sum(axis=0), out=np.zeros(classes), where=counts > 0)
        fitted *= (size / fitted.sum(axis=1))[:, None]
    whole = np.rint(fitted).astype(np.int64)
    for client in np.flatnonzero(~whole.any(axis=1)):
        whole[client, fitted[client].argmax()] = 1
    return whole
