from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from astraea.errors import InputError
from astraea.federation.plan import SERVER, Chain, ChainState, LocalTraining, RoundPlan, Visit
from astraea.network.layout import lay_out, mediator_at
from astraea.network.settings import Network
from astraea.network.shapes import chains
from astraea.network.transfers import check, depth_order, strands, transfers_of


@pytest.fixture
def plan() -> RoundPlan:
    """Two chains: clients 0 and 1, and client 2 alone; a model of 12 bytes, trained for two epochs."""
    start = ChainState(torch.zeros(3), torch.zeros(0, dtype=torch.int64))
    visits = (Chain(0, (Visit(0), Visit(1))), Chain(1, (Visit(2),)))
    return RoundPlan(1, 0, start, visits, LocalTraining(2, 10, "SGD", 0.1))


def network(**more: Any) -> Network:
    ends = {"up_mbps": 8, "down_mbps": 8}
    air = ({"name": "air", **ends},)
    sites = ({**ends, "clients": [0, 1], "link": "air", "step_seconds": 2}, {**ends, "step_seconds": 3})
    return Network(server={**ends, "seconds_per_transfer": 0.5}, links=air, sites=sites, **more)


def test_a_star_sends_to_each_client_and_back(plan: RoundPlan) -> None:
    found = transfers_of(plan, lay_out(network(), [0, 1, 2]), {0: 1, 1: 2, 2: 3})

    assert found.source.tolist() == [SERVER, 0, SERVER, 1, SERVER, 2]
    assert found.target.tolist() == [0, SERVER, 1, SERVER, 2, SERVER]
    assert found.after.tolist() == [-1, 0, 1, 2, -1, 4]
    assert found.chain.tolist() == [0, 0, 0, 0, 1, 1]
    assert found.bytes.tolist() == [12] * 6
    assert found.compute.tolist() == [0, 2, 0, 4, 0, 9]
    assert found.delay.tolist() == [0.5, 2, 0.5, 4, 0.5, 9]


def test_without_mediators_clients_hand_the_model_on(plan: RoundPlan) -> None:
    found = transfers_of(plan, lay_out(network(placement="clients"), [0, 1, 2]), 1)

    assert found.source.tolist() == [SERVER, 0, 1, SERVER, 2]
    assert found.target.tolist() == [0, 1, SERVER, 2, SERVER]
    assert found.compute.tolist() == [0, 2, 2, 0, 3]


def test_a_mediator_is_at_the_link_that_most_of_its_clients_are_behind(plan: RoundPlan) -> None:
    found = transfers_of(plan, lay_out(network(placement="sites"), [0, 1, 2]), 1)

    air = mediator_at(0)
    assert found.source.tolist() == [SERVER, air, 0, air, 1, air, SERVER, 2]
    assert found.target.tolist() == [air, 0, air, 1, air, SERVER, 2, SERVER]


def test_visits_differ_by_a_draw_that_repeats(plan: RoundPlan) -> None:
    site = {"up_mbps": 8, "down_mbps": 8, "step_seconds": 1, "visit_spread": 0.5}
    layout = lay_out(Network(server={"up_mbps": 8, "down_mbps": 8}, sites=(site,)), [0, 1, 2])

    first, second = transfers_of(plan, layout, lambda client: client + 1), transfers_of(plan, layout, lambda c: c + 1)

    assert first.compute.tolist() == second.compute.tolist()
    per_step = first.compute[[1, 3, 5]] / [1, 2, 3]
    assert len(set(per_step.tolist())) == 3


def test_order_and_strands_follow_who_waits_for_whom() -> None:
    after = np.array([1, 4, -1, 2, -1, 2])

    assert depth_order(after).tolist() == [2, 4, 1, 3, 5, 0]
    strand = strands(after)
    assert strand[0] == strand[1] == strand[4]
    assert len({strand[0], strand[2], strand[3], strand[5]}) == 4


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda t: t._replace(after=np.array([1, 2, 0, 2])),
            "wait for each other in a circle: 0 after 1 after 2 after 0",
        ),
        (lambda t: t._replace(after=np.array([-1, 9, 1, 2])), "transfer 1 starts after transfer 9, but there are 4"),
        (lambda t: t._replace(bytes=np.array([1, 1, 0, 1])), "transfer 2 needs at least a byte"),
        (
            lambda t: t._replace(delay=np.array([0, 0, 0, np.nan])),
            "transfer 3 needs at least a byte and a finite delay",
        ),
    ],
)
def test_impossible_transfers_are_refused(change: Callable[[Any], Any], sentence: str) -> None:
    with pytest.raises(InputError) as error:
        check(change(chains([[1.0, 1.0]])))
    assert sentence in str(error.value)
