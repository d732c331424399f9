"""Mediators by exchange: never worse than the random ones that they begin as, and far more even than the greedy's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from astraea.balance import kl_to_uniform
from astraea.balance.exchange import exchange_kl
from astraea.balance.mediators import schedule_mediators
from astraea.data.catalogue import load_dataset
from astraea.data.scenario import build_scenario


def divergences(counts: np.ndarray, mediators: list[list[int]]) -> np.ndarray:
    return kl_to_uniform(np.stack([counts[mediator].sum(axis=0) for mediator in mediators]))


def half_normal(clients: int = 100) -> np.ndarray:
    """Clients whose labels are drawn from one imbalanced distribution: nothing to pair, so that greed can only harm."""
    rng = np.random.default_rng(0)
    weights = np.exp(-0.5 * (np.arange(10) / 3) ** 2)
    sizes = rng.lognormal(4, 1, clients).round().astype(int) + 1
    return np.stack([rng.multinomial(size, weights / weights.sum()) for size in sizes]).astype(float)


def two_classes_each() -> np.ndarray:
    rng = np.random.default_rng(0)
    counts = np.zeros((150, 12))
    for row in counts:
        row[rng.choice(12, 2, replace=False)] = rng.integers(5, 50)
    return counts


def noised(counts: np.ndarray) -> np.ndarray:
    """Histograms as clients with local privacy report them: fractions, some of them zero."""
    drawn = np.maximum(0.0, counts + np.random.default_rng(1).laplace(0, 2, counts.shape))
    drawn[~drawn.any(axis=1), 0] = 0.5
    return drawn


@pytest.mark.compiled
@pytest.mark.parametrize("capacity", [2, 7, 25])
@pytest.mark.parametrize(
    "counts",
    [half_normal(), two_classes_each(), noised(half_normal())],
    ids=["half-normal", "two classes each", "noised"],
)
def test_neither_the_mean_nor_the_largest_divergence_is_above_that_of_the_random_draw(
    counts: np.ndarray, capacity: int
) -> None:
    for seed in range(5):
        mediators = exchange_kl(counts, capacity, np.random.default_rng(seed))
        found = divergences(counts, mediators)
        drawn = divergences(counts, schedule_mediators(counts, capacity, "random", np.random.default_rng(seed)))
        assert found.mean() <= drawn.mean()
        assert found.max() <= drawn.max()
        assert sorted(client for mediator in mediators for client in mediator) == list(range(len(counts)))
        assert [len(mediator) for mediator in mediators[:-1]] == [capacity] * (len(mediators) - 1)


@pytest.mark.compiled
def test_where_clients_are_alike_it_is_better_than_the_greedy_is_at_its_worst() -> None:
    counts = half_normal()
    found = divergences(counts, exchange_kl(counts, 10, np.random.default_rng(0)))
    greedy = divergences(counts, schedule_mediators(counts, 10))
    drawn = divergences(counts, schedule_mediators(counts, 10, "random", np.random.default_rng(0)))
    assert greedy.max() > drawn.max() > found.max()
    assert found.mean() < min(greedy.mean(), drawn.mean())


def test_clients_that_complete_each_other_share_a_mediator() -> None:
    counts = np.repeat(np.eye(4) * 7, 3, axis=0)
    assert divergences(counts, exchange_kl(counts, 4, np.random.default_rng(0))).max() == pytest.approx(0)


def test_a_mediator_visits_its_most_balanced_client_first() -> None:
    assert exchange_kl(np.array([[9.0, 0], [1, 2], [5, 4]]), 3, np.random.default_rng(0)) == [[2, 1, 0]]


def test_it_is_a_rule_by_name_which_starts_from_the_random_draw_of_its_seed() -> None:
    counts = np.full((7, 3), 5.0)  # all alike: no exchange gains anything, so the groups are those that were drawn
    mediators = schedule_mediators(counts, 3, "kl-exchange", seed=6)
    drawn = schedule_mediators(counts, 3, "random", seed=6)
    assert [sorted(mediator) for mediator in mediators] == [sorted(mediator) for mediator in drawn]


def test_one_seed_gives_one_schedule() -> None:
    counts = two_classes_each()[:20]
    schedules = [exchange_kl(counts, 4, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert schedules[0] == schedules[1] != schedules[2]


@pytest.mark.compiled
def test_the_explanation_says_what_the_rules_give_on_fashion_mnist(data_dir: Path) -> None:
    rules = ("kl", "kl-approximate", "random", "kl-exchange")
    found: dict[str, list[tuple[float, float]]] = {rule: [] for rule in rules}
    dataset = load_dataset("fashion-mnist", dir=data_dir)
    for seed in range(10):
        scenario = build_scenario(
            dataset, seed=seed, validation=0.1, labels="half-normal", samples=12000, clients=100, sizes="uploads"
        )
        counts = scenario.histograms.astype(float)
        for rule in rules:
            measured = divergences(counts, schedule_mediators(counts, 10, rule, seed=seed))
            found[rule].append((measured.mean(), measured.max()))
    means = [np.mean(found[rule], axis=0) for rule in rules]
    text = (Path(__file__).parents[2] / "docs" / "explanation" / "balance.md").read_text()
    sentence = "{} for `kl`, {} for `kl-approximate`, {} for random mediators, and {} for `kl-exchange`"
    assert sentence.format(*(f"{mean:.3f} and {largest:.3f}" for mean, largest in means)) in text
