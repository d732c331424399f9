"""Class-balanced epochs, worked out by hand and held to their histogram on random clients."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from astraea.balance.sampling import balanced_histogram, balanced_order


def test_held_classes_share_the_epoch() -> None:
    # 7 samples over 3 held classes: 2 each, and the one left over goes to the rarest.
    assert balanced_histogram(np.array([4, 0, 2, 1])).tolist() == [2, 0, 2, 3]
    # 8 over 3: the two rarest get one more; of equals the first
    assert balanced_histogram(np.array([[3, 3, 2], [8, 0, 0]])).tolist() == [[3, 2, 3], [8, 0, 0]]


def test_all_samples_of_a_class_come_before_a_repeat() -> None:
    labels = torch.tensor([0, 0, 0, 0, 1, 1])
    places, repeated = balanced_order(labels, torch.tensor([3, 3]), torch.Generator().manual_seed(0))
    assert labels[places].bincount().tolist() == [3, 3]
    assert len(set(places[labels[places] == 0].tolist())) == 3  # three of the four, none twice
    assert set(places[labels[places] == 1].tolist()) == {4, 5}
    assert int(repeated.sum()) == 1
    assert labels[places[repeated]].tolist() == [1]


@given(arrays(np.int64, 5, elements=st.integers(0, 12)), st.integers(0, 3))
def test_an_epoch_has_its_histogram_and_its_length(counts: np.ndarray, seed: int) -> None:
    if not counts.any():
        return
    wanted = balanced_histogram(counts)
    assert wanted.sum() == counts.sum()
    assert ((wanted > 0) <= (counts > 0)).all()
    held = wanted[counts > 0]
    assert held.max() - held.min() <= 1
    labels = torch.from_numpy(np.repeat(np.arange(5), counts))
    places, repeated = balanced_order(labels, torch.from_numpy(wanted), torch.Generator().manual_seed(seed))
    assert labels[places].bincount(minlength=5).tolist() == wanted.tolist()
    # A sample's first use is no repeat, every further one is.
    assert int((~repeated).sum()) == len(set(places.tolist()))


def test_order_varies_with_the_generator_alone() -> None:
    labels, wanted = torch.tensor([0] * 20 + [1] * 4), torch.tensor([12, 12])
    first, again, other = (balanced_order(labels, wanted, torch.Generator().manual_seed(s))[0] for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
