import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from astraea.balance import Rebalancing
from astraea.balance.prior import effective_prior
from astraea.errors import InputError


def test_worked_out_by_hand() -> None:
    histograms = [[6, 2, 0], [0, 2, 0]]
    assert effective_prior(histograms).tolist() == [0.6, 0.4, 0]
    assert effective_prior(histograms, [0.25, 0.75]) == pytest.approx([1.5 / 3.5, 2 / 3.5, 0])
    # class 0 is halved, class 1 doubled: 6 * 0.5 = 3 and 4 * 2 = 8
    change = Rebalancing(np.array([0.0, 1.0, 0.0]), np.array([0.5, 1.0, 1.0]))
    assert effective_prior(histograms, rebalancing=change) == pytest.approx([3 / 11, 8 / 11, 0])


@given(arrays(np.int64, (4, 3), elements=st.integers(0, 50)), arrays(np.float64, 4, elements=st.floats(0.01, 1)))
def test_is_a_distribution_over_the_classes_held(histograms: np.ndarray, participation: np.ndarray) -> None:
    if not histograms.any():
        return
    prior = effective_prior(histograms, participation)
    assert prior.sum() == pytest.approx(1)
    assert ((prior == 0) == (histograms.sum(axis=0) == 0)).all()


@pytest.mark.parametrize(
    ("histograms", "participation", "message"),
    [([[1, 2]], [1, 1], "2 values for 1 clients"), ([[1, 2], [0, 0]], [0, 1], "no class prior")],
)
def test_bad_input_is_refused(histograms: list, participation: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        effective_prior(histograms, participation)
