"""Client sizes: how many samples each client holds. Each function returns shape ``(clients,)``, all >= 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astraea.data.apportion import apportion
from astraea.errors import InputError

__all__ = ["UPLOADS_SIGMA", "even", "lognormal", "uploads"]

UPLOADS_SIGMA = 1.1
"""Spread of the log of the number of images a user uploads: see :func:`uploads`."""


def even(samples: int, clients: int) -> NDArray[np.int64]:
    """The same for each client; where that does not come out even, the first ones hold one more."""
    _check(samples, clients)
    return apportion(np.ones(clients), samples)


def lognormal(samples: int, clients: int, sigma: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """In proportion to draws whose logarithm is normal with standard deviation ``sigma`` > 0."""
    _check(samples, clients)
    if not sigma > 0:
        raise InputError(f"log-normal sizes need a sigma above 0, got {sigma}")
    log_size = rng.normal(0.0, sigma, clients)
    return apportion(np.exp(log_size - log_size.max()), samples, minimum=1)


def uploads(samples: int, clients: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Heavy-tailed, like the number of images that users of a photo service upload.

    Duan et al. take the upload counts of Instagram users (Bodaghi and Goliaei, "Dynamics of Instagram users",
    Zenodo, doi:10.5281/zenodo.823283) and do not say how; the data are not part of this package. We draw from
    a log-normal distribution with sigma 1.1, because that sigma brings out the mean KL divergences to uniform
    which they report for clients with randomly chosen samples: 0.55 for LTRF1 (500 clients) and 0.41 for the
    half-normal CINIC-10 (100 clients); even sizes would give 0.36 and 0.39.
    """
    return lognormal(samples, clients, UPLOADS_SIGMA, rng)


def _check(samples: int, clients: int) -> None:
    if clients > samples:
        raise InputError(
            f"more clients than samples: {clients} clients but {samples} samples; "
            "lower scenario.clients or use more samples"
        )
