"""Pooled counts: exchanges between mediators, and what bounds them."""

from __future__ import annotations

import numpy as np
import pytest

from astraea.balance import kl_to_uniform
from astraea.balance import pooled as pooled_counts


def test_exchanges_mend_a_bad_division() -> None:
    held = np.array([[6, 0], [6, 0], [0, 6], [0, 6]], np.int32)
    members = np.array([[0, 1], [2, 3]])
    pooled = np.array([[12, 0], [0, 12]], np.int32)
    table = pooled_counts.fixed_x_log_x(12)
    made = pooled_counts.exchange(held, held.sum(axis=1), members, pooled, np.array([1, 0]), 0, table, np.inf)
    assert made == 1
    assert pooled.tolist() == [[6, 6], [6, 6]]
    assert sorted(held[members[0]].sum(axis=0)) == [6, 6]


def test_divergences_are_those_of_the_counts_less_log_n() -> None:
    counts = np.array([[6, 0], [3, 9], [5, 5]], np.int32)
    found = pooled_counts.divergences(counts, pooled_counts.fixed_x_log_x(9)) + np.log(2)
    assert found == pytest.approx(kl_to_uniform(counts), abs=1e-8)


@pytest.mark.parametrize(("bound", "made"), [(np.inf, 1), (0.5 - np.log(3), 1), (-np.inf, 0)])
def test_a_bounded_exchange_leaves_the_larger_divergence_no_larger(bound: float, made: int) -> None:
    # (8, 0, 8) and (2, 7, 9) diverge by 0.405 and 0.141 nats; all that lowers the sum makes them 0.498 and 0.014
    held = np.array([[8, 0, 0], [0, 0, 8], [1, 6, 8], [1, 1, 1]], np.int32)
    members = np.array([[0, 1], [2, 3]])
    pooled = np.array([[8, 0, 8], [2, 7, 9]], np.int32)
    table = pooled_counts.fixed_x_log_x(18)
    done = pooled_counts.exchange(held, held.sum(axis=1), members, pooled, np.array([0, 1]), 0, table, bound)
    assert done == made
    expected = [0.4984, 0.0136] if made else [0.4055, 0.1406]
    assert sorted(kl_to_uniform(pooled), reverse=True) == pytest.approx(expected, abs=1e-4)
    assert (held[members].sum(axis=1) == pooled).all()
