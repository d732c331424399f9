"""Mediators that are never worse than random ones: a random schedule, and exchanges that keep what it has.

The greedy of the papers fills one mediator after the other, so the last get what is left: the largest of their
divergences, and where clients are alike also the mean, can be above that of mediators drawn at random. Here the
schedule begins as the one that ``"random"`` draws from the same seed. Pairs of mediators exchange clients wherever that
lowers the sum of their divergences: at first only if the larger of the two does not grow, then as long as it stays
below the largest of all. So neither the mean nor the largest divergence ever rises.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astraea.balance.divergence import kl_to_uniform
from astraea.balance.pooled import arrange, divergences, exchange, fixed_x_log_x, levels_of

__all__ = ["exchange_kl"]

_ROUNDS = 200
"""Most times that mediators are paired anew, first under the one rule and then under the other."""

_QUIET = 8
"""Pairings without an exchange, one after the other, after which there is nothing more to gain."""


def exchange_kl(counts: NDArray[np.float64], capacity: int, rng: np.random.Generator) -> list[list[int]]:
    """Return mediators of ``capacity`` clients, each ordered as the greedy picks.

    ``counts`` has shape ``(c, N)`` without empty rows. Of the pooled counts of the mediators, neither the mean nor the
    largest divergence from uniform is above that of a random schedule drawn from ``rng``. A pairing costs up to
    20 comparisons a client; 10,000 clients of 62 classes take some seconds.
    """
    order = rng.permutation(len(counts))
    drawn = [order[first : first + capacity] for first in range(0, len(order), capacity)]
    levels = levels_of(counts, capacity)
    table = fixed_x_log_x(min(capacity * int(levels.max(initial=0)), int(levels.sum(axis=0).max(initial=0))))
    sizes = levels.sum(axis=1, dtype=np.int64)
    members = np.full((len(drawn), capacity), -1, np.int64)
    for row, clients in zip(members, drawn, strict=True):
        row[: len(clients)] = clients
    pooled = np.stack([levels[clients].sum(axis=0, dtype=np.int32) for clients in drawn])
    for bounded in (False, True):
        bound = float(divergences(pooled, table).max()) if bounded else -np.inf
        _exchanged(levels, sizes, members, pooled, table, bound, rng)
    arrange(levels, sizes, members, table)
    found = [row[row >= 0] for row in members]
    # Levels of counts that are not whole are rounded: what was gained there must hold for the counts themselves.
    before, after = (kl_to_uniform(np.stack([counts[one].sum(axis=0) for one in rows])) for rows in (drawn, found))
    kept = found if after.mean() <= before.mean() and after.max() <= before.max() else drawn
    return [[int(client) for client in clients] for clients in kept]


def _exchanged(
    levels: NDArray[np.int32],
    sizes: NDArray[np.int64],
    members: NDArray[np.int64],
    pooled: NDArray[np.int32],
    table: NDArray[np.int64],
    bound: float,
    rng: np.random.Generator,
) -> None:
    """Pair mediators at random and let them exchange clients until nothing is to be gained, in place."""
    quiet = 0
    for turn in range(_ROUNDS):
        made = exchange(levels, sizes, members, pooled, rng.permutation(len(members)), turn, table, bound)
        quiet = 0 if made else quiet + 1
        if quiet == _QUIET:
            return
