"""Bounds on a client's share of the counts, by hand."""

from __future__ import annotations

import numpy as np

from astraea.balance.bounds import bounded_copies, bounded_counts
from astraea.balance.rebalancing import Rebalancing, rebalancing


def test_a_client_counts_for_so_many_median_ones_at_most() -> None:
    told = np.array([[3, 1], [2, 2], [0, 10**9], [5, 1]])  # sizes 4, 4, a billion and 6: the median is 5
    assert bounded_counts(told, 2.0).tolist() == [[3, 1], [2, 2], [0, 10], [5, 1]]
    honest = told[[0, 1, 3]]
    assert bounded_counts(honest, 2.0) is honest


def test_who_is_scaled_down_to_nothing_keeps_a_sample_and_empty_clients_do_not_count() -> None:
    told = np.array([[2, 0, 0, 0], [0, 0, 0, 0], [2, 0, 0, 0], [3, 3, 4, 3]])  # the median of 2, 2 and 13 is 2
    assert bounded_counts(told, 1.0).tolist() == [[2, 0, 0, 0], [0, 0, 0, 0], [2, 0, 0, 0], [0, 0, 1, 0]]


def test_a_lie_asks_for_no_copies_beyond_the_bound() -> None:
    honest = np.full((10, 10), 10)
    lying = honest.copy()
    lying[0, 0] = 10**9
    unheld = rebalancing(lying.sum(axis=0)).copies.max()
    held = rebalancing(bounded_counts(lying, 3.0).sum(axis=0)).copies.max()
    assert unheld == np.floor((lying.sum() / 10 / 100) ** 0.67)
    assert held <= 1
    change = Rebalancing(np.array([0.0, 90494.0]), np.ones(2))
    assert bounded_copies(change, 1000.0).copies.tolist() == [0.0, 1000.0]
    assert bounded_copies(change, 1e6) is change
