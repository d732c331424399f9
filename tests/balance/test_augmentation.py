import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astraea.balance import Rebalancing
from astraea.balance.augmentation import augmented_rows

LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 2], dtype=np.int64)


def test_whole_numbers_of_copies_are_exact() -> None:
    change = Rebalancing(np.array([0.0, 2.0, 1.0]), np.ones(3))
    samples = augmented_rows(LABELS, np.array([0, 1, 2, 9]), change, np.random.default_rng(0))
    assert sorted(samples.rows.tolist()) == [0, 1, 1, 1, 2, 2, 9, 9]
    assert sorted(samples.rows[samples.fresh].tolist()) == [1, 1, 2, 9]


@given(
    st.lists(st.floats(0, 5), min_size=3, max_size=3),
    st.lists(st.floats(0.01, 1), min_size=3, max_size=3),
    st.lists(st.sampled_from(range(10)), unique=True, max_size=10),
    st.integers(0, 99),
)
def test_each_kept_sample_is_there_once_and_its_copies_beside_it(
    copies: list[float], keep: list[float], rows: list[int], seed: int
) -> None:
    change = Rebalancing(np.array(copies), np.array(keep))
    held = np.array(rows, dtype=np.int64)
    samples = augmented_rows(LABELS, held, change, np.random.default_rng(seed))
    kept = samples.rows[~samples.fresh].tolist()
    assert len(set(kept)) == len(kept)
    assert set(samples.rows.tolist()) == set(kept) <= set(rows)
    assert bool(kept) == bool(rows)  # nobody is left without a sample
    for row in kept:
        made = int(((samples.rows == row) & samples.fresh).sum())
        assert made in (np.floor(copies[LABELS[row]]), np.ceil(copies[LABELS[row]]))
    if min(keep) == 1:
        assert len(kept) == len(rows)
    again = augmented_rows(LABELS, held, change, np.random.default_rng(seed))
    assert again.rows.tolist() == samples.rows.tolist()


def test_fractions_are_met_on_average() -> None:
    labels = np.repeat(np.arange(2), 20_000)
    change = Rebalancing(np.array([0.0, 1.3]), np.array([0.25, 1.0]))
    samples = augmented_rows(labels, np.arange(40_000), change, np.random.default_rng(0))
    expected = change.expected_counts([20_000, 20_000])
    assert np.bincount(labels[samples.rows]) == pytest.approx(expected, rel=0.03)


def test_samples_are_shuffled() -> None:
    samples = augmented_rows(
        np.zeros(500, np.int64), np.arange(500), Rebalancing(np.ones(1), np.ones(1)), np.random.default_rng(0)
    )
    assert samples.rows[:10].tolist() != list(range(10))
    assert 150 < samples.fresh[:500].sum() < 350
