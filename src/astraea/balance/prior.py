"""The effective class prior: the class distribution that the model meets over many rounds.

Rebalancing, down-sampling and participation shift it on purpose. A loss that corrects for the prior must be
given the shifted one, or it corrects twice.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.balance.histograms import as_counts
from astraea.balance.rebalancing import Rebalancing
from astraea.errors import InputError

__all__ = ["effective_prior"]


def effective_prior(
    histograms: ArrayLike, participation: ArrayLike | None = None, rebalancing: Rebalancing | None = None
) -> NDArray[np.float64]:
    """Return the class distribution, shape ``(N,)`` and summing to 1, of the samples trained on.

    ``histograms`` ``(K, N)`` counts what each client trains on; ``participation`` ``(K,)`` says how often
    each takes part, in any unit (``None``: all alike), such as
    :func:`astraea.balance.participation.inclusion_probabilities`. Where the histograms are of the original
    samples, give the ``rebalancing`` too: the prior of class ``y`` is then proportional to
    ``keep_y * (1 + copies_y) * sum_k participation_k * histogram_ky``. A class that nobody holds gets 0.

    Raises :class:`InputError` for values that are no counts, and if nobody who takes part holds a sample.
    """
    counts = as_counts(histograms, "histograms", ndim=2)
    often = np.ones(len(counts)) if participation is None else as_counts(participation, "participation", ndim=1)
    if often.shape != (len(counts),):
        raise InputError(f"participation has {len(often)} values for {len(counts)} clients: give one for each")
    met = often @ counts
    if rebalancing is not None:
        met = rebalancing.expected_counts(met)
    if not met.any():
        raise InputError("no client that takes part holds a sample: there is no class prior")
    return np.asarray(met / met.sum())
