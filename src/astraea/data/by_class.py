"""Local skew class by class, as the benchmarks of the field divide data; the clients' sizes follow from it."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.data.apportion import apportion
from astraea.data.partition import Skew, deal
from astraea.errors import InputError

__all__ = ["Classes", "DirichletByClass"]

_DRAWS = 1000


class Classes(Skew, name="classes"):
    """Exactly so many classes a client; a class's samples go in equal parts to the clients that have it."""

    brings_sizes: ClassVar[bool] = True

    per_client: int = Field(2, ge=1, description="Classes that each client holds.")

    @property
    def title(self) -> str:
        """The name with the classes of a client."""
        return f"classes ({self.per_client} a client)"

    def owners(self, y: NDArray[np.int64], sizes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Give each client ``per_client`` classes, each class to about as many clients, and divide it among them.

        The "quantity-based label imbalance" of Li et al. (NIID-Bench, ICDE 2022), with classes dealt evenly. Raises
        :class:`InputError` if there are fewer classes than that, or a class with fewer samples than clients.
        """
        counts, clients = np.bincount(y), len(sizes)
        present = np.flatnonzero(counts)
        if self.per_client > len(present):
            raise InputError(
                f"scenario.skew.per_client is {self.per_client}, but the samples have {len(present)} classes: lower it"
            )
        places = clients * self.per_client
        if places < len(present):
            raise InputError(
                f"{clients} clients with {self.per_client} classes each hold at most {places} of {len(present)} "
                "classes: raise scenario.clients or scenario.skew.per_client"
            )
        left = np.full(len(present), places // len(present))
        left[rng.permutation(len(present))[: places % len(present)]] += 1
        has = np.zeros((clients, len(counts)), np.bool_)
        for client in range(clients):  # those that the most places are left of, so that no class is over too early
            order = np.lexsort((rng.random(len(present)), -left))[: self.per_client]
            has[client, present[order]] = True
            left[order] -= 1
        histograms = np.zeros(has.shape, np.int64)
        for c in present:
            holders = rng.permutation(np.flatnonzero(has[:, c]))
            if len(holders) > counts[c]:
                raise InputError(
                    f"class {c}, counted from 0, has {counts[c]} samples for {len(holders)} clients: lower "
                    "scenario.clients or scenario.skew.per_client"
                )
            histograms[holders, c] = apportion(np.ones(len(holders)), int(counts[c]))
        return deal(y, histograms, rng)


class DirichletByClass(Skew, name="dirichlet-by-class"):
    """For each class, the clients' shares of it drawn from a Dirichlet distribution (Yurochkin et al., 2019)."""

    brings_sizes: ClassVar[bool] = True

    beta: float = Field(0.5, gt=0, allow_inf_nan=False, description="Concentration: small means few clients a class.")

    @property
    def title(self) -> str:
        """The name with its concentration."""
        return f"dirichlet by class (beta {self.beta:g})"

    def owners(self, y: NDArray[np.int64], sizes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw each class's shares over the clients, again until each client has ``sizes`` samples or more.

        As in Yurochkin et al. (ICML 2019) and NIID-Bench (Li et al., ICDE 2022), whose code leaves out, for a class,
        the clients that already have their even share of all samples, and draws anew until the smallest has 10.
        Raises :class:`InputError` if a thousand draws give no such partition.
        """
        counts, clients = np.bincount(y), len(sizes)
        for _ in range(_DRAWS):
            histograms = self._drawn(counts, clients, len(y) / clients, rng)
            if (histograms.sum(axis=1) >= sizes).all():
                return deal(y, histograms, rng)
        raise InputError(
            f"{_DRAWS:,} draws gave no partition in which each of {clients} clients has {sizes.max()} of {len(y)} "
            "samples: lower scenario.least_size or scenario.clients, or raise scenario.skew.beta"
        )

    def _drawn(
        self, counts: NDArray[np.int64], clients: int, even: float, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        histograms = np.zeros((clients, len(counts)), np.int64)
        for c in np.flatnonzero(counts):
            room = histograms.sum(axis=1) < even
            share = rng.dirichlet(np.full(clients, self.beta)) * room
            share = share / share.sum() if share.sum() > 0 else room / room.sum()
            histograms[:, c] = np.diff(np.floor(np.cumsum(share) * counts[c] + 1e-9), prepend=0)
            histograms[np.flatnonzero(room)[-1], c] += counts[c] - histograms[:, c].sum()
        return histograms
