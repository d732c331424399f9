"""Local skew: which client holds which sample.

Where client sizes (K,) are drawn they are kept exactly, so these kinds of skew combine with any sizes; shards bring
their own, and so do clients that the data name themselves (:mod:`astraea.data.named_clients`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.data.apportion import largest_remainder
from astraea.data.dataset import Samples
from astraea.data.holdout import by_class
from astraea.errors import InputError
from astraea.parts import Part

__all__ = [
    "Dirichlet",
    "NamedClients",
    "Random",
    "Shards",
    "Skew",
    "Stratified",
    "by_column",
    "by_indices",
    "deal",
    "rows_of",
]


@dataclass(frozen=True)
class NamedClients:
    """The owner of each training sample, (n,), -1 for none; the clients' names; what was left out."""

    owners: NDArray[np.int64]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


class Skew(Part, kind="skew", default="random"):
    """Which client holds which sample.

    ``brings_sizes`` says that the clients' sizes follow from it, ``names_clients`` that their number does too.
    """

    brings_sizes: ClassVar[bool] = False
    names_clients: ClassVar[bool] = False

    @abstractmethod
    def owners(self, y: NDArray[np.int64], sizes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Return the owner of each sample, shape ``(n,)``, clients from 0, given the labels ``y`` ``(n,)``.

        ``sizes`` ``(K,)`` are to be kept; for a skew that brings its own they are the fewest that clients should get.
        """

    def named(self, samples: Samples, clients: int | None, rng: np.random.Generator) -> NamedClients | None:
        """Return the clients that the data name themselves, ``clients`` of them if that is given; usually none."""
        return None

    @property
    def title(self) -> str:
        """The name of a scenario's skew in tables and pictures."""
        return self.name

    @property
    def divided_by(self) -> str | None:
        """The column of the data whose values are the clients, if there is one."""
        return None


def rows_of(owners: NDArray[np.int64], clients: int) -> tuple[NDArray[np.int64], ...]:
    """Return the rows of each client, ascending, given the owner of each row."""
    ends = np.cumsum(np.bincount(owners, minlength=clients))
    return tuple(np.split(np.argsort(owners, kind="stable"), ends[:-1]))


class Random(Skew, name="random"):
    """Samples drawn without regard to their class: the "random" local distribution of Duan et al."""

    def owners(self, y: NDArray[np.int64], sizes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Deal the samples at random."""
        return rng.permutation(np.repeat(np.arange(len(sizes)), sizes))


class Stratified(Skew, name="stratified"):
    """Every client the same share of each class, as far as whole numbers allow."""

    def owners(self, y: NDArray[np.int64], sizes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Deal each class by the clients' sizes.

        With even sizes two clients differ by at most one sample in any class.
        """
        counts = np.bincount(y)
        histograms = np.zeros((len(sizes), len(counts)), dtype=np.int64)
        room = sizes.copy()
        for c in np.flatnonzero(counts):
            # In proportion to the room left, so that those rounded up before are rounded down later.
            histograms[:, c] = largest_remainder(room * (counts[c] / room.sum()))
            room -= histograms[:, c]
        return deal(y, histograms, rng)


class Dirichlet(Skew, name="dirichlet"):
    """Each client's class proportions drawn from a Dirichlet distribution (Hsu et al., 2019)."""

    beta: float = Field(0.5, gt=0, allow_inf_nan=False, description="Concentration: small means few classes a client.")

    @property
    def title(self) -> str:
        """The name with its concentration."""
        return f"dirichlet (beta {self.beta:g})"

    def owners(self, y: NDArray[np.int64], sizes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw each client's class proportions, then its samples by them.

        The variant by client (Hsu et al., 2019, arXiv:1909.06335): proportions come from Dir(beta * N * p), where
        p is the distribution of ``y`` over its N classes, so balanced data give the common Dir(beta, ..., beta)
        and imbalanced data the same mean as ``y``. Small ``beta`` means few classes a client. When more samples
        of a class are asked for than there are, those who asked share them by lot and ask again among the
        classes left; no client comes first.
        """
        counts = np.bincount(y)
        present = np.flatnonzero(counts)
        taste = np.zeros((len(sizes), len(counts)))
        taste[:, present] = rng.dirichlet(self.beta * len(present) * counts[present] / len(y), len(sizes))

        histograms = np.zeros(taste.shape, dtype=np.int64)
        room, left = sizes.copy(), counts.copy()
        while room.any():
            taste[:, left == 0] = 0
            taste[taste.sum(axis=1) == 0] = left  # all a client likes is gone: it takes what there is
            asked = rng.multinomial(room, taste / taste.sum(axis=1, keepdims=True))
            for c in np.flatnonzero(asked.sum(axis=0) > left):
                asked[:, c] = rng.multivariate_hypergeometric(asked[:, c], left[c])
            histograms += asked
            room -= asked.sum(axis=1)
            left -= asked.sum(axis=0)
        return deal(y, histograms, rng)


class Shards(Skew, name="shards"):
    """Samples sorted by class and cut into equal shards, some at random for each client (McMahan et al., 2017)."""

    brings_sizes: ClassVar[bool] = True

    per_client: int = Field(2, ge=1, description="Shards that each client gets.")

    @property
    def title(self) -> str:
        """The name with the shards of a client."""
        return f"shards ({self.per_client} a client)"

    def owners(self, y: NDArray[np.int64], sizes: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Deal equal shards of the samples sorted by class, ``per_client`` of them at random for each client.

        The pathological split of McMahan et al. (AISTATS 2017, section 3), in which most clients with two shards
        hold two classes. Raises :class:`InputError` if there are fewer samples than shards.
        """
        clients, per_client = len(sizes), self.per_client
        total = clients * per_client
        if total > len(y):
            raise InputError(
                f"{clients} clients with {per_client} shards each need {total} samples, but there are {len(y)}: "
                "lower scenario.clients or scenario.skew.per_client"
            )
        shard = np.arange(len(y)) * total // len(y)
        owners = np.empty(len(y), dtype=np.int64)
        owners[by_class(y, rng)] = rng.permutation(np.repeat(np.arange(clients), per_client))[shard]
        return owners


def by_column(values: NDArray[np.generic]) -> tuple[NDArray[np.int64], NDArray[np.generic]]:
    """One client for each distinct value of a column; return the owners, and the values (K,), ascending."""
    names, owners = np.unique(values, return_inverse=True)
    return owners.astype(np.int64, copy=False), names


def by_indices(lists: Sequence[Sequence[int]], samples: int, names: Sequence[str] | None = None) -> NDArray[np.int64]:
    """The rows that the user lists for each client; a row that nobody lists has owner -1. ``names`` are for errors.

    Raises :class:`InputError` if a list is empty, or a row is out of range or listed twice.
    """
    if not lists:
        raise InputError("scenario.skew.indices lists no client: give one list of rows for each")
    owners = np.full(samples, -1, dtype=np.int64)
    called = names or range(len(lists))
    for client, rows in enumerate(lists):
        if not rows:
            raise InputError(
                f"client {called[client]} of scenario.skew.indices has no samples: list some or leave it out"
            )
        for row in rows:
            if not 0 <= row < samples:
                raise InputError(
                    f"client {called[client]} of scenario.skew.indices lists row {row}, but the training samples "
                    f"are rows 0 to {samples - 1}"
                )
            if owners[row] >= 0:
                raise InputError(
                    f"row {row} of scenario.skew.indices is listed twice, by clients {called[owners[row]]} and "
                    f"{called[client]}: "
                    "each sample belongs to one client"
                )
            owners[row] = client
    return owners


def deal(y: NDArray[np.int64], histograms: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Give each client as many random samples of each class as ``histograms`` (K, N) says; all are dealt."""
    clients, classes = histograms.shape
    owners = np.empty(len(y), dtype=np.int64)
    owners[by_class(y, rng)] = np.repeat(np.tile(np.arange(clients), classes), histograms.T.ravel())
    return owners
