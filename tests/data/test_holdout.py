import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astraea.data.holdout import draw, hold_out, hold_out_within

labels = st.lists(st.integers(0, 5), min_size=1, max_size=200).map(np.array)
shares = st.floats(0.001, 0.999)


@given(labels, st.data())
def test_draw_takes_as_many_of_each_class_as_asked(y: np.ndarray, data: st.DataObject) -> None:
    counts = np.array([data.draw(st.integers(0, int(n))) for n in np.bincount(y, minlength=6)])
    rows = draw(y, counts, np.random.default_rng(0))
    assert np.bincount(y[rows], minlength=6).tolist() == counts.tolist()
    assert (np.diff(rows) > 0).all()


def test_larger_draws_contain_smaller_ones() -> None:
    y = np.arange(60) % 3
    small, large = (set(draw(y, np.full(3, n), np.random.default_rng(7)).tolist()) for n in (5, 9))
    assert small < large


def test_a_share_of_every_class_is_held_out() -> None:
    y = np.repeat([0, 1, 2, 3], [100, 21, 2, 1])
    held = hold_out(y, 0.1, np.random.default_rng(0))
    assert np.bincount(y[held], minlength=4).tolist() == [10, 2, 1, 0]


@given(labels, shares)
def test_a_class_of_two_gives_and_keeps_at_least_one(y: np.ndarray, share: float) -> None:
    sizes = np.bincount(y, minlength=6)
    held = np.bincount(y[hold_out(y, share, np.random.default_rng(0))], minlength=6)
    assert (held[sizes > 1] >= 1).all()
    assert (held[sizes > 1] < sizes[sizes > 1]).all()
    assert (held[sizes == 1] == 0).all()


@given(labels, shares, st.integers(0, 99), st.data())
def test_within_groups_each_gives_its_share_and_keeps_one(
    y: np.ndarray, share: float, seed: int, data: st.DataObject
) -> None:
    groups = np.array(data.draw(st.lists(st.integers(0, 4), min_size=len(y), max_size=len(y))))
    held = hold_out_within(y, groups, share, np.random.default_rng(seed))
    assert len(set(held.tolist())) == len(held)
    sizes = np.bincount(groups, minlength=5)
    given_by = np.bincount(groups[held], minlength=5)
    assert (given_by[sizes > 0] < sizes[sizes > 0]).all()
    # Beside a row up or down from rounding, groups may be asked for one row of each class, or keep one.
    assert (np.abs(given_by - share * sizes) <= 1 + 6).all()


def test_within_groups_the_share_is_exact_where_it_can_be() -> None:
    y = np.tile(np.repeat([0, 1], [15, 5]), 3)
    groups = np.repeat([0, 1, 2], 20)
    held = hold_out_within(y, groups, 0.2, np.random.default_rng(3))
    assert np.bincount(groups[held]).tolist() == [4, 4, 4]
    assert np.bincount(y[held]).tolist() == [9, 3]


def test_within_groups_a_class_that_would_give_none_gives_one() -> None:
    y = np.array([0] * 500 + [1] * 2)
    groups = np.arange(502) % 2
    for seed in range(20):
        held = hold_out_within(y, groups, 0.01, np.random.default_rng(seed))
        assert (y[held] == 1).sum() >= 1


def test_within_groups_a_single_row_is_never_taken() -> None:
    assert len(hold_out_within(np.zeros(3, dtype=np.int64), np.arange(3), 0.9, np.random.default_rng(0))) == 0


def test_rare_classes_of_a_group_have_the_same_chance() -> None:
    y = np.array([0] * 9 + [1])
    taken = [
        9 in hold_out_within(np.append(y, [1, 1]), np.array([0] * 10 + [1, 1]), 0.3, np.random.default_rng(s))
        for s in range(400)
    ]
    assert np.mean(taken) == pytest.approx(0.3, abs=0.09)
