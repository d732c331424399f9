import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astraea.data import sizes
from astraea.errors import InputError


def test_even_sizes_differ_by_at_most_one() -> None:
    assert sizes.Even().sizes(10, 4, np.random.default_rng(0)).tolist() == [3, 3, 2, 2]


@given(st.integers(1, 60), st.integers(0, 5_000), st.floats(0.01, 4), st.integers(0, 1000))
def test_drawn_sizes_add_up_and_nobody_is_empty(clients: int, beyond: int, sigma: float, seed: int) -> None:
    samples = clients + beyond
    rng = np.random.default_rng(seed)
    for drawn in (
        sizes.Lognormal(sigma=sigma).sizes(samples, clients, rng),
        sizes.Uploads().sizes(samples, clients, rng),
    ):
        assert drawn.shape == (clients,)
        assert drawn.sum() == samples
        assert drawn.min() >= 1


def test_lognormal_has_the_spread_it_was_given() -> None:
    drawn = sizes.Lognormal(sigma=0.7).sizes(100_000_000, 20_000, np.random.default_rng(0))
    assert np.log(drawn).std() == pytest.approx(0.7, abs=0.01)


def test_uploads_are_heavy_tailed() -> None:
    drawn = sizes.Uploads().sizes(10_000_000, 10_000, np.random.default_rng(0))
    # Of a log-normal with sigma 1.1: mean / median = exp(0.605); a tenth holds Phi(1.1 - 1.2816) = 42.8 %.
    assert drawn.mean() / np.median(drawn) == pytest.approx(np.exp(0.605), rel=0.05)
    assert np.sort(drawn)[-1_000:].sum() / drawn.sum() == pytest.approx(0.428, abs=0.03)


def test_own_numbers_are_kept_or_their_proportions() -> None:
    own = sizes.Listed(each=(70, 20, 10))
    rng = np.random.default_rng(0)
    assert own.sizes(100, 3, rng).tolist() == [70, 20, 10]
    assert own.sizes(50, 3, rng).tolist() == [35, 10, 5]
    with pytest.raises(InputError, match=r"'each\.1' cannot be 0"):
        sizes.Sizes.of("list", each=[3, 0])


def test_more_clients_than_samples_is_refused() -> None:
    message = "more clients than samples: 300 clients but 200 samples; lower scenario.clients"
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=message):
        sizes.Even().sizes(200, 300, rng)
    with pytest.raises(InputError, match=message):
        sizes.Uploads().sizes(200, 300, rng)
    with pytest.raises(InputError, match="'sigma' cannot be 0"):
        sizes.Sizes.of("lognormal", sigma=0)


def test_numbers_alone_are_the_sizes() -> None:
    assert sizes.Sizes.of([10, 20]) == sizes.Sizes.of("list", each=[10, 20])
