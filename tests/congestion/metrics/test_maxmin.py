"""Max-min shares: textbook cases worked by hand, and what defines them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astraea.congestion.metrics.maxmin import max_min_shares
from astraea.errors import InputError


def test_one_link_is_split_evenly_or_by_weight() -> None:
    assert max_min_shares([10], [[0], [0]]).tolist() == [5, 5]
    assert max_min_shares([10], [[0], [0]], weights=[1, 3]).tolist() == [2.5, 7.5]


def test_what_a_small_demand_leaves_goes_to_the_others() -> None:
    assert max_min_shares([10], [[0], [0], [0]], demands=[1, np.inf, np.inf]).tolist() == [1, 4.5, 4.5]


def test_parking_lot() -> None:
    # the long flow is held back by the narrow second hop (2 of 4), so the first hop's other flow gets 8 of 10
    assert max_min_shares([10, 4], [[0, 1], [0], [1]]).tolist() == [2, 8, 2]


def test_a_dead_link_gives_nothing() -> None:
    assert max_min_shares([0, 6], [[0, 1], [1]]).tolist() == [0, 6]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_flow_below_its_demand_has_a_full_link_on_which_nobody_has_more(data: st.DataObject) -> None:
    links = data.draw(st.integers(1, 4))
    flows = data.draw(st.integers(1, 6))
    capacity = data.draw(st.lists(st.floats(0.1, 1000), min_size=links, max_size=links))
    weight = data.draw(st.lists(st.floats(0.1, 10), min_size=flows, max_size=flows))
    demand = data.draw(st.lists(st.floats(0.1, 500), min_size=flows, max_size=flows))
    path = st.lists(st.integers(0, links - 1), min_size=1, max_size=links, unique=True)
    paths = data.draw(st.lists(path, min_size=flows, max_size=flows))
    shares = max_min_shares(capacity, paths, weight, demand)
    load = [sum(shares[i] for i in range(flows) if j in paths[i]) for j in range(links)]
    assert all(load[j] <= capacity[j] * (1 + 1e-6) for j in range(links))
    for i in range(flows):
        bottlenecks = [
            j
            for j in paths[i]
            if load[j] >= capacity[j] * (1 - 1e-6)
            and all(shares[k] / weight[k] <= shares[i] / weight[i] * (1 + 1e-6) for k in range(flows) if j in paths[k])
        ]
        assert bottlenecks or shares[i] == pytest.approx(demand[i])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (([10], [[]]), "path 0"),
        (([10], [[1]]), "path 0"),
        (([-1], [[0]]), "negative"),
        (([10], [[0]], [0.0]), "weights must be above 0"),
        (([10], [[0]], [1.0, 1.0]), "weights"),
    ],
)
def test_what_cannot_be_shared_is_refused(arguments: tuple[object, ...], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        max_min_shares(*arguments)  # type: ignore[arg-type]
