"""Client sizes: how many samples each client holds."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from astraea.data.apportion import apportion
from astraea.errors import InputError
from astraea.parts import Part

__all__ = ["UPLOADS_SIGMA", "Even", "Listed", "Lognormal", "Sizes", "Uploads"]

UPLOADS_SIGMA = 1.1
"""Spread of the log of the number of images a user uploads: see :class:`Uploads`."""


class Sizes(Part, kind="size distribution", default="even"):
    """How many samples each client holds."""

    @abstractmethod
    def sizes(self, samples: int, clients: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the size of each client, shape ``(clients,)``, all >= 1 and together ``samples``.

        Raises :class:`InputError` for more clients than samples.
        """

    @property
    def listed(self) -> tuple[int, ...]:
        """The sizes that were said for each client; usually none."""
        return ()

    @classmethod
    def renewed_table(cls, table: dict[str, Any]) -> dict[str, Any]:
        """Take numbers in place of a name for the sizes of each client."""
        return {"name": "list", "each": table["name"]} if isinstance(table["name"], list | tuple) else table


class Even(Sizes, name="even"):
    """The same for each client; where that does not come out even, the first ones hold one more."""

    def sizes(self, samples: int, clients: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return equal sizes."""
        _check(samples, clients)
        return apportion(np.ones(clients), samples)


class Lognormal(Sizes, name="lognormal"):
    """In proportion to draws whose logarithm is normal."""

    sigma: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="Standard deviation of the log of a client's size."
    )

    def sizes(self, samples: int, clients: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return sizes drawn from ``rng``."""
        _check(samples, clients)
        log_size = rng.normal(0.0, self.sigma, clients)
        return apportion(np.exp(log_size - log_size.max()), samples, minimum=1)


class Uploads(Sizes, name="uploads"):
    """Heavy-tailed, like the number of images that users of a photo service upload.

    Duan et al. take the upload counts of Instagram users (Bodaghi and Goliaei, "Dynamics of Instagram users",
    Zenodo, doi:10.5281/zenodo.823283) and do not say how; the data are not part of this package. We draw from
    a log-normal distribution with sigma 1.1, because that sigma brings out the mean KL divergences to uniform
    which they report for clients with randomly chosen samples: 0.55 for LTRF1 (500 clients) and 0.41 for the
    half-normal CINIC-10 (100 clients); even sizes would give 0.36 and 0.39.
    """

    def sizes(self, samples: int, clients: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return sizes drawn from ``rng``."""
        return Lognormal(sigma=UPLOADS_SIGMA).sizes(samples, clients, rng)


class Listed(Sizes, name="list"):
    """Your own numbers, one for each client."""

    each: tuple[PositiveInt, ...] = Field(
        min_length=1,
        description="Samples of each client; where samples are held out for validation, each client gives its part.",
    )

    @property
    def listed(self) -> tuple[int, ...]:
        """The numbers."""
        return self.each

    def sizes(self, samples: int, clients: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the numbers where they add up to ``samples``, else sizes in proportion to them."""
        _check(samples, clients)
        return apportion(np.array(self.each, np.float64), samples, minimum=1)


def _check(samples: int, clients: int) -> None:
    if clients > samples:
        raise InputError(
            f"more clients than samples: {clients} clients but {samples} samples; "
            "lower scenario.clients or use more samples"
        )
