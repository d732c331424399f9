from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astraea.data import partition
from astraea.errors import InputError

Divide = Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]

SIZED: dict[str, Divide] = {
    "random": partition.Random().owners,
    "stratified": partition.Stratified().owners,
    "dirichlet 0.05": partition.Dirichlet(beta=0.05).owners,
    "dirichlet 0.5": partition.Dirichlet(beta=0.5).owners,
    "dirichlet 1e-300": partition.Dirichlet(beta=1e-300).owners,
    "dirichlet 1e300": partition.Dirichlet(beta=1e300).owners,
}


def _histograms(y: np.ndarray, owners: np.ndarray) -> np.ndarray:
    table = np.zeros((owners.max() + 1, y.max() + 1), dtype=int)
    np.add.at(table, (owners, y), 1)
    return table


@pytest.mark.parametrize("name", SIZED)
@given(
    labels=st.lists(st.integers(0, 6), min_size=1, max_size=200),
    parts=st.lists(st.integers(1, 50), min_size=1, max_size=20),
    seed=st.integers(0, 1000),
)
def test_every_sample_has_one_owner_and_sizes_are_kept(
    name: str, labels: list[int], parts: list[int], seed: int
) -> None:
    y = np.resize(labels, sum(parts))
    sizes = np.array(parts)
    owners = SIZED[name](y, sizes, np.random.default_rng(seed))
    assert owners.shape == y.shape
    assert np.bincount(owners, minlength=len(sizes)).tolist() == parts
    assert (SIZED[name](y, sizes, np.random.default_rng(seed)) == owners).all()


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=300).map(np.array),
    st.integers(1, 30),
    st.integers(0, 99),
)
def test_stratified_with_even_sizes_differs_by_at_most_one_in_any_class(y: np.ndarray, clients: int, seed: int) -> None:
    clients = min(clients, len(y))
    sizes = np.full(clients, len(y) // clients) + (np.arange(clients) < len(y) % clients)
    held = _histograms(y, partition.Stratified().owners(y, sizes, np.random.default_rng(seed)))
    assert np.ptp(held, axis=0).max() <= 1


def test_stratified_follows_uneven_sizes() -> None:
    y = np.repeat([0, 1], [90, 30])
    held = _histograms(y, partition.Stratified().owners(y, np.array([80, 40]), np.random.default_rng(0)))
    assert held.tolist() == [[60, 20], [30, 10]]


def test_random_takes_no_notice_of_order() -> None:
    owners = partition.Random().owners(np.zeros(10_000, np.int64), np.full(10, 1000), np.random.default_rng(0))
    first_half = np.bincount(owners[:5000], minlength=10)
    assert np.abs(first_half - 500).max() < 80  # five standard deviations


def test_dirichlet_has_the_spread_of_its_distribution() -> None:
    # A share of Dir(beta, ..., beta) over N classes has variance v = (N - 1) / (N^2 (N beta + 1)); drawing n
    # samples by it adds (1/N - 1/N^2 - v) / n. With many clients hardly any class runs out before its time.
    beta, clients, n = 0.6, 4000, 100
    v = 4 / (25 * (5 * beta + 1))
    y = np.arange(clients * n) % 5
    share = _histograms(y, partition.Dirichlet(beta=beta).owners(y, np.full(clients, n), np.random.default_rng(0))) / n
    assert share.mean(axis=0) == pytest.approx(np.full(5, 0.2))
    assert share.var() == pytest.approx(v + (0.2 - 0.04 - v) / n, rel=0.05)


def test_dirichlet_of_imbalanced_data_has_the_same_mean_whoever_comes_first() -> None:
    y = np.repeat([0, 1, 2], [9000, 900, 100])
    held = np.zeros((50, 3))
    for seed in range(60):
        owners = partition.Dirichlet(beta=0.5).owners(y, np.full(50, 200), np.random.default_rng(seed))
        held += _histograms(y, owners)
    rare = held[:, 2] / 60  # 2 a client on average; neither the first nor the last are favoured
    assert rare[:25].mean() == pytest.approx(2, abs=0.4)
    assert rare[25:].mean() == pytest.approx(2, abs=0.4)


def test_small_beta_leaves_each_client_few_classes() -> None:
    y = np.repeat(np.arange(10), 1000)
    sizes = np.full(100, 100)
    few, many = (
        (_histograms(y, partition.Dirichlet(beta=beta).owners(y, sizes, np.random.default_rng(0))) > 4)
        .sum(axis=1)
        .mean()
        for beta in (0.05, 100.0)
    )
    assert few < 3
    assert many > 9


@pytest.mark.parametrize("beta", [0.0, -1.0, float("inf"), float("nan")])
def test_dirichlet_needs_a_positive_beta(beta: float) -> None:
    with pytest.raises(InputError, match="'beta' cannot be"):
        partition.Skew.of("dirichlet", beta=beta)


def test_shards_give_each_client_few_classes() -> None:
    # McMahan's MNIST numbers, a hundredth of them: 600 samples, 20 shards of 30, 10 clients with 2 each.
    y = np.random.default_rng(1).permutation(np.repeat(np.arange(10), 60))
    owners = partition.Shards(per_client=2).owners(y, np.zeros(10, np.int64), np.random.default_rng(0))
    held = _histograms(y, owners)
    assert held.sum(axis=1).tolist() == [60] * 10
    assert set(held.ravel().tolist()) <= {0, 30, 60}
    assert ((held > 0).sum(axis=1) <= 2).all()


@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 200), st.integers(0, 99))
def test_shards_are_equal_up_to_one_sample(clients: int, per_client: int, beyond: int, seed: int) -> None:
    y = np.arange(clients * per_client + beyond) % 7
    owners = partition.Shards(per_client=per_client).owners(y, np.zeros(clients, np.int64), np.random.default_rng(seed))
    sizes = np.bincount(owners, minlength=clients)
    assert sizes.min() >= per_client
    assert np.ptp(sizes) <= per_client


def test_too_many_shards_are_refused() -> None:
    with pytest.raises(InputError, match="3 clients with 2 shards each need 6 samples, but there are 5"):
        partition.Shards().owners(np.zeros(5, dtype=np.int64), np.zeros(3, np.int64), np.random.default_rng(0))


def test_a_column_gives_a_client_for_each_value() -> None:
    owners, names = partition.by_column(np.array(["w2", "w1", "w2", "w0"]))
    assert owners.tolist() == [2, 1, 2, 0]
    assert names.tolist() == ["w0", "w1", "w2"]


def test_index_lists_are_taken_as_they_are() -> None:
    assert partition.by_indices([[3, 0], [4]], samples=5).tolist() == [0, -1, -1, 0, 1]


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ([], "lists no client"),
        ([[0], []], "client 1 of scenario.skew.indices has no samples"),
        ([[0], [5]], "client 1 .* lists row 5, but .* rows 0 to 4"),
        ([[-1]], "client 0 .* lists row -1"),
        ([[0, 1], [2, 1]], "row 1 .* listed twice, by clients 0 and 1"),
    ],
)
def test_impossible_index_lists_are_refused(lists: list[list[int]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        partition.by_indices(lists, samples=5)


def test_rows_of_owners() -> None:
    rows = partition.rows_of(np.array([2, 0, 2, 2]), clients=4)
    assert [part.tolist() for part in rows] == [[1], [], [0, 2, 3], []]
