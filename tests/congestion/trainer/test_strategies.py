"""Steps of the gradient by hand, and both strategies on a return that is known."""

from __future__ import annotations

import numpy as np
import pytest

from astraea.congestion.trainer.strategies import CmaStrategy, GradientStrategy, Strategy, centred_ranks


def gradient(**changes: float) -> GradientStrategy:
    numbers = {"size": 1, "step": 0.5, "rate": 2.0, "momentum": 0.5, "population": 4, **changes}
    return GradientStrategy(**numbers, rng=np.random.default_rng(0))  # type: ignore[arg-type]  # whole numbers are floats here


def test_ranks_are_spread_from_minus_a_half_to_a_half_and_shared_by_what_is_equal() -> None:
    assert centred_ranks(np.array([3.0, -1.0, 100.0])).tolist() == [0.0, -0.5, 0.5]
    assert centred_ranks(np.array([1.0, 1.0, 5.0, 0.0])).tolist() == pytest.approx([0.0, 0.0, 0.5, -0.5])
    assert centred_ranks(np.zeros(4)).tolist() == [0.0] * 4


def test_a_step_on_a_parabola_by_hand() -> None:
    # values -(x - 1)^2 at 1, -1, 0.5, -0.5: 0, -4, -0.25, -2.25, so ranks 1/2, -1/2, 1/6, -1/6;
    # g = (1/2 + 1/2 + 1/12 + 1/12) / (4 * 0.5) = 7/12; v = g / 2 = 7/24; mean = 2 * v
    search = gradient()
    asked = [np.array([x]) for x in (1.0, -1.0, 0.5, -0.5)]
    search.tell(asked, [-float((x[0] - 1) ** 2) for x in asked])
    assert search.mean == pytest.approx(7 / 12)
    # the same again about the mean: v = 7/24 / 2 + 7/12 / 2 = 7/16
    again = [search.mean + x for x in asked]
    search.tell(again, [0.0, -4.0, -0.25, -2.25])
    assert search.mean == pytest.approx(7 / 12 + 7 / 8)


def test_candidates_come_in_pairs_about_the_mean() -> None:
    asked = gradient(size=3, population=6).ask()
    assert len(asked) == 6
    for one, other in zip(asked[::2], asked[1::2], strict=True):
        assert (one + other == 0).all()


def test_values_that_are_all_equal_move_nothing() -> None:
    search = gradient(size=2)
    search.tell(search.ask(), [0.3] * 4)
    assert search.mean.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "search",
    [
        gradient(size=5, population=20, step=0.2, rate=0.5),
        CmaStrategy(0.4, np.tile((-9.0, 9.0), (5, 1)), 12, np.random.default_rng(0)),
    ],
    ids=["gradient", "cma"],
)
def test_it_climbs(search: Strategy) -> None:
    aim = np.array([1.0, -0.5, 0.25, 0.0, 2.0])
    for _ in range(80):
        asked = search.ask()
        search.tell(asked, [-float(np.square(x - aim).sum()) for x in asked])
    assert np.abs(search.mean - aim).max() < 0.15
