"""Which clients share a mediator: the greedy schedule of the Astraea papers, and controls beside it.

A mediator hands one model from client to client, so what the model sees in a round is its clients' *pooled*
data: the schedule pools clients whose histograms make up for each other. It reads the histograms of the
clients of the round, after rebalancing, and nothing else.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from astraea.balance.histograms import as_counts, refuse_empty
from astraea.errors import InputError
from astraea.parts import Part
from astraea.seeding import Purpose, stream

__all__ = [
    "Alone",
    "ApproximateKL",
    "ExchangeKL",
    "GreedyKL",
    "MediatorRule",
    "Places",
    "RandomMediators",
    "schedule_mediators",
]

_TIE = 1e-13
"""Divergences (nats) that differ by no more are equal: above rounding, far below any meaning."""


class Places(NamedTuple):
    """Where the clients of a round are, and what a hand-over from place to place costs."""

    where: NDArray[np.int64]  # (c,) the place of each client
    between: NDArray[np.float64]  # (S, S) from 0 to 1, the dearest pair of places

    def from_(self, client: int) -> NDArray[np.float64]:
        """Return what handing a model from ``client`` to each client costs, shape ``(c,)``."""
        cost: NDArray[np.float64] = self.between[self.where[client], self.where]
        return cost


class MediatorRule(Part, kind="mediator rule", default="kl"):
    """Which clients share a mediator. ``reads_histograms`` says whether their labels matter."""

    reads_histograms: ClassVar[bool] = True

    @property
    def reads_places(self) -> bool:
        """Whether it matters where clients are; such a rule has :meth:`schedule_at`."""
        return False

    @abstractmethod
    def schedule(self, counts: NDArray[np.float64], capacity: int, rng: np.random.Generator) -> list[list[int]]:
        """Return the rows of each mediator, in the order of their visits: every row exactly once.

        ``counts`` ``(c, N)`` are the histograms of the clients of a round, without empty rows; a mediator leads up to
        ``capacity`` of them.
        """

    def schedule_at(
        self, counts: NDArray[np.float64], capacity: int, rng: np.random.Generator, places: Places
    ) -> list[list[int]]:
        """Return the same where the rows are at ``places``."""
        return self.schedule(counts, capacity, rng)


def schedule_mediators(
    histograms: ArrayLike,
    capacity: int,
    rule: str | MediatorRule = "kl",
    seed: int | np.random.Generator | None = None,
    places: Places | None = None,
) -> list[list[int]]:
    """Return the clients of each mediator, in the order of their visits: every client exactly once.

    ``histograms`` has shape ``(c, N)``: the class counts of the clients of a round. Each mediator but the
    last leads ``capacity`` clients. Rules:

    - ``"kl"``: the greedy schedule of Duan et al. (ICCD 2019 and TPDS 2021, Algorithm 3). Each mediator is
      filled with the client that makes its pooled counts diverge least from uniform; ties go to the lowest
      index. 10,000 clients of 62 classes take some seconds, and the time grows with the square of ``c``.
    - ``"kl-approximate"``: for very many clients, at a cost linear in ``c``: a million clients of 62 classes take
      some minutes on 2 cores. Mediators are no less balanced in the mean, and the worst of them are better; see
      :mod:`astraea.balance.approximate`. Depends on ``seed`` like the next.
    - ``"kl-exchange"``: the random schedule of the same seed, and exchanges between its mediators that raise neither
      their mean divergence nor the largest; see :mod:`astraea.balance.exchange`. 10,000 clients take some seconds.
    - ``"random"``: a random order cut into mediators, drawn from ``seed`` or from the generator given in its
      place; without either, every call differs.

    A rule that weighs hand-overs (``network_weight`` of ``"kl"``) needs the clients' ``places``.

    Raises :class:`InputError`, a ``ValueError``, for a client without samples, values that are no counts, a
    capacity below 1 and an unknown rule.
    """
    counts = as_counts(histograms, "histograms", ndim=2)
    refuse_empty(counts)
    if isinstance(capacity, bool) or not isinstance(capacity, int | np.integer) or capacity < 1:
        raise InputError(f"mediator capacity is {capacity}: it must be a whole number of clients, at least 1")
    chosen = MediatorRule.of(rule)
    rng = stream(int(seed), Purpose.MEDIATORS) if isinstance(seed, int | np.integer) else np.random.default_rng(seed)
    if not chosen.reads_places:
        groups = chosen.schedule(counts, int(capacity), rng)
    elif places is None:
        raise InputError(
            f"mediator rule '{chosen.name}' weighs hand-overs on a network: name one with --network, or set "
            "algorithm.mediators.network_weight to 0"
        )
    else:
        groups = chosen.schedule_at(counts, int(capacity), rng, places)
    if sorted(client for group in groups for client in group) != list(range(len(counts))):
        raise InputError(f"mediator rule '{chosen.name}' does not schedule each of {len(counts)} clients once: mend it")
    return groups


class RandomMediators(MediatorRule, name="random"):
    """A random order cut into mediators: the control."""

    reads_histograms: ClassVar[bool] = False

    def schedule(self, counts: NDArray[np.float64], capacity: int, rng: np.random.Generator) -> list[list[int]]:
        """Cut a random order of the clients into mediators."""
        order = [int(client) for client in rng.permutation(len(counts))]
        return [order[first : first + capacity] for first in range(0, len(order), capacity)]


class Alone(MediatorRule, name="none"):
    """Every client alone, whatever the capacity, which leaves rebalancing only."""

    reads_histograms: ClassVar[bool] = False

    def schedule(self, counts: NDArray[np.float64], capacity: int, rng: np.random.Generator) -> list[list[int]]:
        """Give every client a mediator of its own."""
        return [[client] for client in range(len(counts))]


class GreedyKL(MediatorRule, name="kl"):
    """Greedy smallest divergence of the pooled labels from uniform: the papers' way."""

    network_weight: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="Nats of divergence that the dearest hand-over between two sites of the network counts as; 0: "
        "balance alone decides.",
    )

    @property
    def reads_places(self) -> bool:
        """Whether hand-overs are weighed."""
        return self.network_weight > 0

    def schedule(self, counts: NDArray[np.float64], capacity: int, rng: np.random.Generator) -> list[list[int]]:
        """Fill one mediator after the other with the client of the smallest pooled divergence from uniform."""
        return self._filled(counts, capacity, None)

    def schedule_at(
        self, counts: NDArray[np.float64], capacity: int, rng: np.random.Generator, places: Places
    ) -> list[list[int]]:
        """Fill them with the client of the smallest divergence plus ``network_weight`` times the hand-over's cost."""
        return self._filled(counts, capacity, places)

    def _filled(self, counts: NDArray[np.float64], capacity: int, places: Places | None) -> list[list[int]]:
        candidates = _Candidates(counts)
        mediators: list[list[int]] = []
        while candidates.remaining:
            pooled = np.zeros(counts.shape[1])
            clients: list[int] = []
            while candidates.remaining and len(clients) < capacity:
                cost = None if places is None or not clients else self.network_weight * places.from_(clients[-1])
                client = candidates.take_best(pooled, cost)
                pooled += counts[client]
                clients.append(client)
            mediators.append(clients)
        return mediators


class _Candidates:
    """The clients not yet scheduled, laid out so that a pick costs one look-up for each class a client holds.

    With ``f(q) = q log q``, the divergence of pooled counts ``q`` of total ``T`` is
    ``sum f(q) / T - log T + log N``. Adding a client changes ``sum f`` only at the classes it holds, and
    many clients hold the same number of a class; so the changes are computed once for each distinct
    *cell* (class, number), and a client sums those of its cells.
    """

    def __init__(self, counts: NDArray[np.float64]) -> None:
        self._classes = counts.shape[1]
        self._clients = np.arange(len(counts))
        self._sizes = counts.sum(axis=1)
        self._taken = np.zeros(len(counts), dtype=bool)
        self.remaining = len(counts)
        held = counts > 0
        self._held = held.sum(axis=1)
        of_class = np.nonzero(held)[1]
        number = counts[held]
        order = np.lexsort((number, of_class))
        fresh = np.ones(len(order), dtype=bool)
        fresh[1:] = (np.diff(of_class[order]) != 0) | (np.diff(number[order]) != 0)
        self._cells = np.empty(len(order), dtype=np.intp)  # of each client in turn
        self._cells[order] = np.cumsum(fresh) - 1
        self._cell_class, self._cell_number = of_class[order][fresh], number[order][fresh]
        self._lay_out()

    def _lay_out(self) -> None:
        """Note where each client's cells start, and make room for what a pick computes for each cell."""
        self._starts = np.concatenate(([0], np.cumsum(self._held[:-1])))
        self._changes = np.empty(len(self._cells))

    def take_best(self, pooled: NDArray[np.float64], cost: NDArray[np.float64] | None = None) -> int:
        """Take out and return the client that brings the ``pooled`` counts, ``(N,)``, nearest to uniform.

        With ``cost``, shape ``(c,)`` in nats, it is the one of the smallest sum of divergence and cost.
        """
        # Logarithms are taken of q / level: near zero when balanced, they leave little to round off.
        level = (pooled.sum() + self._sizes.mean()) / self._classes
        before = _x_log_x(pooled, level)
        after = _x_log_x(pooled[self._cell_class] + self._cell_number, level)
        change = after - before[self._cell_class]
        # With mode "clip", and a buffer that is there already, take() is several times as fast as indexing.
        np.take(change, self._cells, mode="clip", out=self._changes)
        total = pooled.sum() + self._sizes
        divergence = (before.sum() + np.add.reduceat(self._changes, self._starts)) / total
        divergence -= np.log(total / (level * self._classes))
        if cost is not None:
            divergence += cost[self._clients]
        divergence[self._taken] = np.inf
        best = int(np.argmax(divergence <= divergence.min() + _TIE))
        client = int(self._clients[best])
        self._taken[best] = True
        self.remaining -= 1
        if self.remaining < 0.8 * len(self._clients):
            self._forget_taken()
        return client

    def _forget_taken(self) -> None:
        """Drop the clients that were taken, and the cells that only they had."""
        stay = ~self._taken
        self._cells = self._cells[np.repeat(stay, self._held)]
        self._clients, self._sizes, self._held = self._clients[stay], self._sizes[stay], self._held[stay]
        self._taken = self._taken[stay]
        used = np.zeros(len(self._cell_class), dtype=bool)
        used[self._cells] = True
        self._cells = (np.cumsum(used) - 1)[self._cells]
        self._cell_class, self._cell_number = self._cell_class[used], self._cell_number[used]
        self._lay_out()


class ApproximateKL(MediatorRule, name="kl-approximate"):
    """As balanced as kl, for rounds of very many clients."""

    def schedule(self, counts: NDArray[np.float64], capacity: int, rng: np.random.Generator) -> list[list[int]]:
        """Schedule as :mod:`astraea.balance.approximate` does, which brings a compiler and is loaded when asked for."""
        from astraea.balance.approximate import approximate_kl

        return approximate_kl(counts, capacity, rng)


class ExchangeKL(MediatorRule, name="kl-exchange"):
    """Never worse than random, in the mean and in the largest divergence: exchanges between random mediators."""

    def schedule(self, counts: NDArray[np.float64], capacity: int, rng: np.random.Generator) -> list[list[int]]:
        """Schedule as :mod:`astraea.balance.exchange` does, which brings a compiler and is loaded when asked for."""
        from astraea.balance.exchange import exchange_kl

        return exchange_kl(counts, capacity, rng)


def _x_log_x(counts: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Return ``q log(q / level)``, 0 at 0."""
    return counts * np.log(np.where(counts > 0, counts, level) / level)
