from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from astraea.balance import kl_to_uniform, schedule_mediators
from astraea.balance.mediators import MediatorRule
from astraea.errors import InputError


def rounds(most: int, clients: int = 9, classes: int = 5) -> st.SearchStrategy[np.ndarray]:
    """Histograms of a round's clients, each with a sample at least."""
    shape = st.tuples(st.integers(1, clients), st.integers(1, classes))
    return arrays(np.int64, shape, elements=st.integers(0, most)).map(
        lambda counts: counts + (np.arange(counts.shape[1]) == 0) * ~counts.any(axis=1, keepdims=True)
    )


def divergence(pooled: np.ndarray) -> Decimal:
    """D_KL of pooled counts to uniform, to 40 digits: permuted counts tie, as they should."""
    with localcontext(prec=60):
        total = Decimal(int(pooled.sum()))
        shares = [Decimal(int(count)) / total for count in pooled if count]
        return round(sum((p * (p * len(pooled)).ln() for p in shares), Decimal(0)), 40)


def as_printed(histograms: np.ndarray, capacity: int) -> list[list[int]]:
    """TPDS, Algorithm 3, line by line."""
    waiting = list(range(len(histograms)))
    mediators = []
    while waiting:
        pooled, mediator = np.zeros(histograms.shape[1], dtype=np.int64), []
        while waiting and len(mediator) < capacity:
            best = min(waiting, key=lambda client: (divergence(pooled + histograms[client]), client))
            mediator.append(best)
            waiting.remove(best)
            pooled = pooled + histograms[best]
        mediators.append(mediator)
    return mediators


@given(rounds(most=3), st.integers(1, 5))  # small numbers: most instances have exact ties
@settings(max_examples=150)
def test_equals_the_printed_algorithm_with_ties(histograms: np.ndarray, capacity: int) -> None:
    assert schedule_mediators(histograms, capacity) == as_printed(histograms, capacity)


@given(rounds(most=2_000, clients=12, classes=10), st.integers(1, 6))
@settings(max_examples=50)
def test_equals_the_printed_algorithm(histograms: np.ndarray, capacity: int) -> None:
    assert schedule_mediators(histograms, capacity) == as_printed(histograms, capacity)


def test_equals_the_greedy_choice_of_floating_divergences_on_a_large_round() -> None:
    rng = np.random.default_rng(5)
    histograms = rng.poisson(rng.lognormal(0, 1, (120, 62)) * 3)
    waiting = list(range(len(histograms)))
    for mediator in schedule_mediators(histograms, 10):
        pooled = np.zeros(62)
        for client in mediator:
            options = kl_to_uniform(pooled + histograms[waiting])
            assert client == waiting[int(options.argmin())]
            waiting.remove(client)
            pooled += histograms[client]
    assert waiting == []


def test_clients_that_complete_each_other_share_a_mediator() -> None:
    # all four start at log 2, so client 0 leads; then 2 balances it. A tie again between 1 and 3.
    assert schedule_mediators([[10, 0], [10, 0], [0, 10], [0, 10]], 2) == [[0, 2], [1, 3]]


def test_ties_of_permuted_histograms_go_to_the_lowest_index() -> None:
    histograms = [[7, 1, 3, 11], [11, 3, 1, 7], [1, 11, 7, 3], [3, 7, 11, 1]]
    assert schedule_mediators(histograms, 1) == [[0], [1], [2], [3]]


@pytest.mark.parametrize("rule", ["kl", "kl-approximate", "random"])
@given(histograms=rounds(most=50), capacity=st.integers(1, 12), seed=st.integers(0, 9))
@settings(max_examples=30)
def test_every_rule_visits_each_client_once(rule: str, histograms: np.ndarray, capacity: int, seed: int) -> None:
    mediators = schedule_mediators(histograms, capacity, rule=rule, seed=seed)
    assert sorted(client for mediator in mediators for client in mediator) == list(range(len(histograms)))
    assert len(mediators) == -(-len(histograms) // capacity)
    assert all(len(mediator) == capacity for mediator in mediators[:-1])
    assert mediators == schedule_mediators(histograms, capacity, rule=rule, seed=seed)


@given(rounds(most=50), st.integers(1, 5), st.sampled_from([0.25, 3.0, 2.0**40]))
def test_only_proportions_of_counts_matter(histograms: np.ndarray, capacity: int, factor: float) -> None:
    assert schedule_mediators(histograms * factor, capacity) == schedule_mediators(histograms, capacity)


def test_random_mediators_follow_their_seed() -> None:
    histograms = np.ones((40, 3))
    first = schedule_mediators(histograms, 7, rule="random", seed=1)
    assert first != schedule_mediators(histograms, 7, rule="random", seed=2)
    assert first != [list(range(start, min(start + 7, 40))) for start in range(0, 40, 7)]
    with_generator = schedule_mediators(histograms, 7, rule="random", seed=np.random.default_rng(3))
    assert with_generator == schedule_mediators(histograms, 7, rule="random", seed=np.random.default_rng(3))


def test_no_clients_need_no_mediator() -> None:
    assert schedule_mediators(np.empty((0, 4)), 3) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"histograms": [[1, 2], [0, 0], [0, 0]]}, "client 1 .and 1 others. holds no samples"),
        ({"histograms": [[1, 2], [-1, 3]]}, "negative"),
        ({"histograms": [1, 2]}, r"\(clients, classes\)"),
        ({"capacity": 0}, "capacity is 0"),
        ({"capacity": 2.5}, "capacity is 2.5"),
        ({"capacity": True}, "capacity is True"),
        ({"rule": "kld"}, "did you mean 'kl'"),
    ],
)
def test_bad_input_is_refused(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        schedule_mediators(**{"histograms": [[1, 2], [2, 1]], "capacity": 2, **arguments})


def test_alone_gives_every_client_a_mediator() -> None:
    assert schedule_mediators([[1, 2], [3, 4], [5, 6]], 2, rule="none") == [[0], [1], [2]]


def test_a_rule_that_forgets_a_client_is_refused() -> None:
    class First(MediatorRule):
        def schedule(self, counts: np.ndarray, capacity: int, rng: np.random.Generator) -> list[list[int]]:
            return [[0]]

    assert schedule_mediators([[1, 2]], 2, rule=First()) == [[0]]
    with pytest.raises(InputError, match="does not schedule each of 2 clients once"):
        schedule_mediators([[1, 2], [3, 4]], 2, rule=First())
