from pathlib import Path

import numpy as np
import pytest

from astraea.balance import approximate, kl_to_uniform, schedule_mediators

CLASSES = 20


def dirichlet(alpha: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    sizes = rng.lognormal(4, 0.5, 400).round().astype(int) + 1
    shares = rng.dirichlet(np.full(CLASSES, alpha), 400)
    return np.stack([rng.multinomial(size, share) for size, share in zip(sizes, shares, strict=True)])


def two_classes_each() -> np.ndarray:
    rng = np.random.default_rng(0)
    counts = np.zeros((400, CLASSES), int)
    for row in counts:
        row[rng.choice(CLASSES, 2, replace=False)] = rng.integers(5, 50)
    return counts


def imbalanced() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.poisson(np.abs(rng.normal(size=CLASSES)) * rng.gamma(0.3, 10, (400, CLASSES))) + np.eye(400, CLASSES, 0)


def divergences(counts: np.ndarray, mediators: list[list[int]]) -> np.ndarray:
    return kl_to_uniform(np.stack([counts[mediator].sum(axis=0) for mediator in mediators]))


def no_worse_than_the_exact_greedy(counts: np.ndarray, capacity: int) -> None:
    found = divergences(counts, schedule_mediators(counts, capacity, "kl-approximate", seed=1))
    greedy = divergences(counts, schedule_mediators(counts, capacity))
    assert found.mean() <= 1.01 * greedy.mean()
    assert found.max() <= greedy.max()


@pytest.mark.compiled
@pytest.mark.parametrize("capacity", [5, 10, 20])
@pytest.mark.parametrize(
    "counts",
    [dirichlet(0.1), dirichlet(0.3), dirichlet(1.0), dirichlet(100.0), two_classes_each(), imbalanced()],
    ids=["Dirichlet 0.1", "Dirichlet 0.3", "Dirichlet 1", "near IID", "two classes each", "imbalanced"],
)
def test_mediators_are_as_balanced_as_those_of_the_exact_greedy(counts: np.ndarray, capacity: int) -> None:
    no_worse_than_the_exact_greedy(counts, capacity)


@pytest.mark.compiled
@pytest.mark.parametrize("capacity", [5, 10, 20])
def test_writers_of_femnist(data_dir: Path, capacity: int) -> None:
    path = data_dir / "femnist" / "femnist_leaf_540w.npz"
    if not path.is_file():
        pytest.skip("no FEMNIST here")
    with np.load(path) as arrays:
        writers, labels = arrays["train_writer"].astype(int), arrays["train_labels"]
    counts = np.bincount(writers * 62 + labels, minlength=62 * (writers.max() + 1)).reshape(-1, 62)
    no_worse_than_the_exact_greedy(counts[counts.any(axis=1)], capacity)


@pytest.mark.compiled
def test_a_window_smaller_than_the_round_costs_little_balance(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = dirichlet(0.3)
    monkeypatch.setattr(approximate, "_WINDOW", 100)
    monkeypatch.setattr(approximate, "_PART", 200)
    found = divergences(counts, schedule_mediators(counts, 10, "kl-approximate", seed=1)).mean()
    drawn = divergences(counts, schedule_mediators(counts, 10, "random", seed=1)).mean()
    greedy = divergences(counts, schedule_mediators(counts, 10)).mean()
    assert found < greedy + 0.1 * (drawn - greedy)


def test_parts_and_threads_leave_no_client_out_and_do_not_change_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = dirichlet(0.3)[:103]
    monkeypatch.setattr(approximate, "_PART", 25)
    monkeypatch.setattr(approximate, "_WINDOW", 10)
    monkeypatch.setattr(approximate, "_ROUNDS", 2)
    together = schedule_mediators(counts, 4, "kl-approximate", seed=3)
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    assert schedule_mediators(counts, 4, "kl-approximate", seed=3) == together
    assert sorted(client for mediator in together for client in mediator) == list(range(103))
    assert [len(mediator) for mediator in together] == [4] * 25 + [3]
    assert schedule_mediators(counts, 4, "kl-approximate", seed=4) != together


def test_clients_that_complete_each_other_share_a_mediator() -> None:
    counts = np.repeat(np.eye(4, dtype=int) * 7, 5, axis=0)
    assert divergences(counts, schedule_mediators(counts, 4, "kl-approximate", seed=0)).max() == 0


def test_a_mediator_visits_its_most_balanced_client_first() -> None:
    # all in one mediator: (5, 4) is nearest to balance; (1, 2) then makes it (6, 6); (9, 0) is left
    assert schedule_mediators([[9, 0], [1, 2], [5, 4]], 3, "kl-approximate", seed=0) == [[2, 1, 0]]


def test_counts_that_are_not_whole_or_very_large_are_taken_in_proportion() -> None:
    counts = dirichlet(0.3)[:60]
    shares = counts / 1024.5
    expected = schedule_mediators(shares, 5, "kl-approximate", seed=2)
    assert schedule_mediators(shares * 2.0**40, 5, "kl-approximate", seed=2) == expected
    huge = np.array([[10**12, 0], [0, 1], [0, 10**12], [1, 0]])  # a single sample beside them still counts
    together = schedule_mediators(huge, 2, "kl-approximate", seed=0)
    assert {frozenset(mediator) for mediator in together} == {frozenset({0, 2}), frozenset({1, 3})}
