import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astraea.balance.histograms import client_histograms
from astraea.errors import InputError


def test_counts_the_labels_each_client_holds() -> None:
    labels = np.array([0, 2, 2, 1, 0])
    clients = [np.array([0, 1]), np.array([2, 2, 4]), np.array([], dtype=np.int64)]
    assert client_histograms(labels, clients, 3).tolist() == [[1, 0, 1], [1, 0, 2], [0, 0, 0]]


def test_no_clients_give_no_rows() -> None:
    assert client_histograms(np.array([0, 1]), [], 2).shape == (0, 2)


@given(st.lists(st.lists(st.integers(0, 4), max_size=12), min_size=1, max_size=6))
def test_equals_counting_client_by_client(held: list[list[int]]) -> None:
    labels = np.array([label for own in held for label in own], dtype=np.int64)
    clients = np.split(np.arange(len(labels)), np.cumsum([len(own) for own in held])[:-1])
    counted = client_histograms(labels, clients, 5)
    assert counted.tolist() == [[own.count(y) for y in range(5)] for own in held]


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_out_of_range_is_named(label: int) -> None:
    with pytest.raises(InputError, match=f"label {label} is out of range"):
        client_histograms(np.array([0, label]), [np.array([0, 1])], 3)
