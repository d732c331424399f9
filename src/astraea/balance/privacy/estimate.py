"""What a server makes of counts with known noise: the mean of what they can have been, given what all clients hold.

Noise on one client's count of one class is as large as many counts are. The server knows how that noise is drawn, and
roughly how classes are shared out among clients, so it does better than to cut off what is negative: that would find
rare classes in clients that have none, and count them in all clients together several times over.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, log_ndtr

__all__ = ["estimated_histograms", "estimated_totals"]

_CONCENTRATION = 10.0
"""Of the Dirichlet distribution by which clients are taken to draw their shares: about 10 classes' worth of skew."""

_ROUNDS = 100
_FAR = 30.0  # noise of more than so many times 1/ε has a chance of e^-30


def estimated_totals(noisy: NDArray[np.int64], epsilon: float) -> NDArray[np.float64]:
    """Return how many samples of each class all clients hold, ``(N,)``, from counts ``(K, N)`` with noise.

    The noise of a sum is close to normal: each value is the mean of what is not negative under that normal
    distribution, so no class is taken for empty.
    """
    spread = math.sqrt(_variance(epsilon) * len(noisy))
    summed = noisy.sum(axis=0).astype(np.float64)
    place = summed / spread
    density = np.exp(-(place**2) / 2 - log_ndtr(place)) / math.sqrt(2 * math.pi)
    return np.asarray(summed + spread * density)


def estimated_histograms(
    noisy: NDArray[np.int64], epsilon: float, totals: NDArray[np.float64] | NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return histograms ``(K, N)`` for counts ``noisy`` ``(K, N)`` with two-sided geometric noise of ``epsilon``.

    ``totals`` ``(N,)`` is what all clients hold, exactly or about; the result adds up to it, rounded, unless that would
    leave a client without a sample. Each value is the posterior mean of a count that is negative-binomial, as shares
    from a Dirichlet distribution around all clients' give it. Rows and columns are then brought to their sums by turns
    (iterative proportional fitting, Deming & Stephan 1940). With ``epsilon`` 0 nothing is known of single clients.
    """
    clients, shares = len(noisy), totals / totals.sum()
    if epsilon > 0:
        sizes = _sizes(noisy, epsilon, float(totals.sum()))
        columns = [_means(noisy[:, y], epsilon, sizes * share, share) for y, share in enumerate(shares)]
        fitted = np.stack(columns, axis=1)
    else:
        sizes, fitted = np.full(clients, totals.sum() / clients), np.tile(shares, (clients, 1))
    fitted = fitted + 1e-6 * shares
    for _ in range(_ROUNDS):
        fitted *= np.divide(totals, fitted.sum(axis=0), out=np.zeros(len(totals)), where=totals > 0)
        fitted *= (sizes / fitted.sum(axis=1))[:, None]
    return _whole(fitted * np.divide(totals, fitted.sum(axis=0), out=np.zeros(len(totals)), where=totals > 0))


def _variance(epsilon: float) -> float:
    """Return the variance of two-sided geometric noise."""
    return 2 * math.exp(-epsilon) / math.expm1(-epsilon) ** 2


def _sizes(noisy: NDArray[np.int64], epsilon: float, total: float) -> NDArray[np.float64]:
    """Return what each client holds in all, ``(K,)``: its noisy sum, drawn to the mean as far as noise explains it."""
    sums, noise = noisy.sum(axis=1), _variance(epsilon) * noisy.shape[1]
    spread = max(float(sums.var()) - noise, 0.0)
    mean = total / len(noisy)
    sizes = mean + spread / (spread + noise) * (sums - sums.mean())
    return np.asarray(np.maximum(sizes, 0.05 * mean))


def _means(noisy: NDArray[np.int64], epsilon: float, mean: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Return the posterior means of one class's counts ``(K,)``, which are ``mean`` ``(K,)`` before they are told."""
    if share <= 0:
        return np.zeros(len(noisy))
    far = math.ceil(_FAR / epsilon)
    at = np.maximum(noisy, 0)[:, None] + np.arange(-far, far + 1)
    shape, there = _CONCENTRATION * share, np.maximum(at, 0)
    log = gammaln(there + shape) - gammaln(there + 1) + there * np.log(mean / (mean + shape))[:, None]
    log = np.where(at >= 0, log - epsilon * np.abs(noisy[:, None] - at), -np.inf)
    weights = np.exp(log - log.max(axis=1, keepdims=True))
    return np.asarray((weights * there).sum(axis=1) / weights.sum(axis=1))


def _whole(fitted: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return ``(K, N)`` rounded such that columns keep their sums, rounded: the largest rests are rounded up."""
    whole = np.floor(fitted).astype(np.int64)
    missing = np.rint(fitted.sum(axis=0)).astype(np.int64) - whole.sum(axis=0)
    for y, number in enumerate(missing):
        whole[np.argsort(whole[:, y] - fitted[:, y], kind="stable")[:number], y] += 1
    for client in np.flatnonzero(~whole.any(axis=1)):  # nobody takes part without a sample
        whole[client, fitted[client].argmax()] = 1
    return whole
