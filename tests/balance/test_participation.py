import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from astraea.balance.participation import Participation, RareFirst, Uniform, draw, inclusion_probabilities
from astraea.errors import InputError

populations = arrays(np.int64, st.tuples(st.integers(1, 12), st.integers(1, 5)), elements=st.integers(0, 40)).map(
    lambda counts: counts + (np.arange(counts.shape[1]) == 0) * ~counts.any(axis=1, keepdims=True)
)
settings = st.one_of(st.just(Uniform()), st.builds(RareFirst, power=st.floats(0, 4), floor=st.floats(0, 1)))
RARE_FIRST = RareFirst(power=1.0, floor=0.0)


class Given(Participation):
    """Weights as a test says them."""

    told: tuple[float, ...]

    def weights(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array(self.told)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ((1.0, -2.0), r"weights\(\) gave -2 for client 1: weights are finite numbers above 0"),
        ((0.0, 2.0), r"gave 0 for client 0"),
        ((1.0, float("nan")), r"gave nan for client 1"),
        ((1.0, float("inf")), r"gave inf for client 1"),
        ((1.0,), r"gave shape \(1,\), and there are 2 clients: return one weight for each"),
    ],
)
def test_weights_that_would_turn_chances_round_are_refused(told: tuple[float, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        inclusion_probabilities([[3, 0], [0, 1]], 1, Given(told=told))


def test_uniform_gives_all_the_same_chance() -> None:
    assert inclusion_probabilities([[5, 0], [1, 1], [0, 2], [9, 9]], 3).tolist() == [0.75] * 4


def test_rare_first_worked_out_by_hand() -> None:
    # counts 6 and 2, mean 4: rarity 2/3 and 2; weights 2/3, 2/3, 2 and (2/3 + 2) / 2 = 4/3, sum 14/3
    histograms = [[3, 0], [2, 0], [0, 1], [1, 1]]
    assert inclusion_probabilities(histograms, 1, RARE_FIRST) == pytest.approx([1 / 7, 1 / 7, 3 / 7, 2 / 7])
    half = RARE_FIRST.model_copy(update={"floor": 0.5})
    assert inclusion_probabilities(histograms, 1, half) == pytest.approx(
        [1 / 8 + 1 / 14, 1 / 8 + 1 / 14, 1 / 8 + 3 / 14, 1 / 8 + 2 / 14]
    )


def test_what_exceeds_certainty_is_shared_among_the_others() -> None:
    # shares 1/10, 1/10, 8/10 of three clients: the last is certain, and the others share the second place
    histograms = [[4, 0], [4, 0], [0, 1]]
    assert inclusion_probabilities(histograms, 1, RARE_FIRST) == pytest.approx([0.1, 0.1, 0.8])
    assert inclusion_probabilities(histograms, 2, RARE_FIRST) == pytest.approx([0.5, 0.5, 1])


def test_with_one_class_a_client_every_class_is_drawn_equally_often() -> None:
    histograms = np.eye(3, dtype=np.int64)[[0] * 20 + [1] * 10 + [2] * 5] * 7
    met = inclusion_probabilities(histograms, 6, RARE_FIRST) @ histograms
    assert met == pytest.approx([14, 14, 14])


@given(populations, st.integers(1, 14), settings, st.data())
def test_probabilities_keep_their_promises(
    histograms: np.ndarray, clients: int, chosen: Participation, data: st.DataObject
) -> None:
    available = data.draw(arrays(np.bool_, len(histograms)))
    probabilities = inclusion_probabilities(histograms, clients, chosen, available)
    wanted = min(clients, int(available.sum()))
    assert probabilities.sum() == pytest.approx(wanted)
    assert (probabilities[~available] == 0).all()
    assert (probabilities <= 1).all()
    if wanted:
        least = chosen.least() * min(1, clients / available.sum())
        assert (probabilities[available] >= least - 1e-9).all()


@given(populations, st.integers(1, 14), settings, st.integers(0, 99), st.data())
def test_draws_different_available_clients(
    histograms: np.ndarray, clients: int, chosen: Participation, seed: int, data: st.DataObject
) -> None:
    available = data.draw(arrays(np.bool_, len(histograms)))
    drawn = draw(histograms, clients, np.random.default_rng(seed), available, chosen)
    assert len(set(drawn)) == len(drawn) == min(clients, available.sum())
    assert available[drawn].all()
    assert drawn == draw(histograms, clients, np.random.default_rng(seed), available, chosen)


@pytest.mark.parametrize("chosen", [Uniform(), RareFirst(floor=0.1)])
def test_frequencies_follow_the_probabilities_also_of_the_first_drawn(chosen: Participation) -> None:
    histograms = [[8, 1], [4, 0], [6, 0], [3, 2], [0, 1]]
    rng = np.random.default_rng(0)
    draws = np.array([draw(histograms, 3, rng, rule=chosen) for _ in range(6_000)])
    expected = inclusion_probabilities(histograms, 3, chosen)
    for first in (1, 2, 3):
        frequency = np.bincount(draws[:, :first].ravel(), minlength=5) / len(draws)
        assert frequency == pytest.approx(expected * first / 3, abs=0.025)  # four standard errors


def test_uniform_draws_every_group_equally_often() -> None:
    rng = np.random.default_rng(1)
    draws = [tuple(sorted(draw(np.ones((5, 2)), 2, rng))) for _ in range(5_000)]
    for pair in itertools.combinations(range(5), 2):
        assert draws.count(pair) / 5_000 == pytest.approx(0.1, abs=0.017)


@given(populations, st.integers(1, 5))
def test_rare_first_prefers_who_holds_more_of_the_rarest_class(histograms: np.ndarray, clients: int) -> None:
    totals = histograms.sum(axis=0)
    assume((totals > 0).all())
    rarest, commonest = int(totals.argmin()), int(totals.argmax())
    unit = np.eye(len(totals), dtype=np.int64) * 3
    with_both = np.vstack((histograms, unit[rarest], unit[commonest]))
    assume(with_both.sum(axis=0)[rarest] <= with_both.sum(axis=0)[commonest])
    probabilities = inclusion_probabilities(with_both, clients, RARE_FIRST)
    assert probabilities[-2] >= probabilities[-1] - 1e-12


def test_nobody_available_is_nobody_drawn() -> None:
    assert draw([[1, 2]], 1, np.random.default_rng(0), np.array([False])) == []


@pytest.mark.parametrize(
    ("histograms", "clients", "available", "message"),
    [
        ([[1, 2], [0, 0]], 1, None, "client 1 holds no samples"),
        ([[1, 2]], 0, None, "at least 1 client, not 0"),
        ([[1, 2]], 1, np.array([True, False]), "one value for each of 1 clients"),
    ],
)
def test_bad_input_is_refused(histograms: list, clients: int, available: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        inclusion_probabilities(histograms, clients, available=available)


def test_an_unknown_rule_names_the_nearest() -> None:
    with pytest.raises(ValueError, match="did you mean 'rare-first'"):
        Participation.of("rarefirst")


def test_the_earlier_spelling_is_read() -> None:
    assert Participation.of({"rule": "rare-first", "power": 2.0, "floor": 0.2}) == RareFirst(power=2.0)
    assert Participation.of({"rule": "uniform", "power": 1.0, "floor": 0.2}) == Uniform()
    with pytest.raises(InputError, match="unknown key 'power'"):
        Participation.of({"rule": "uniform", "power": 2.0})
