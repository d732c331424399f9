"""Plans: who is visited, and every hop of the models for each placement of the mediators."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from astraea.federation.plan import SERVER, Chain, ChainState, Hop, LocalTraining, RoundPlan, Visit

SIZE = 3 * 4 + 1 * 8 + 3 * 4  # three float32, one int64, and a control variate of three float32


def plan(*chains: tuple[int, ...]) -> RoundPlan:
    start = ChainState(torch.zeros(3), torch.zeros(1, dtype=torch.int64), {"control": torch.zeros(3)})
    made = tuple(Chain(number, tuple(Visit(client) for client in clients)) for number, clients in enumerate(chains))
    return RoundPlan(0, 0, start, made, LocalTraining(1, 1, "SGD", 0.1))


def test_with_mediators_at_the_server_a_chain_is_a_star() -> None:
    assert plan((7, 4), (2,)).hops() == [
        Hop(0, SERVER, 7, SIZE, -1, ()),
        Hop(0, 7, SERVER, SIZE, 0, (0,)),
        Hop(0, SERVER, 4, SIZE, 1, ()),
        Hop(0, 4, SERVER, SIZE, 2, (1,)),
        Hop(1, SERVER, 2, SIZE, -1, ()),
        Hop(1, 2, SERVER, SIZE, 4, (2,)),
    ]
    assert plan((7, 4), (2,)).bytes_sent == 2 * 3 * SIZE


def test_a_mediator_at_a_site_adds_the_way_to_it_and_back() -> None:
    assert plan((7, 4)).placed(lambda chain: -5).hops() == [
        Hop(0, SERVER, -5, SIZE, -1, ()),
        Hop(0, -5, 7, SIZE, 0, ()),
        Hop(0, 7, -5, SIZE, 1, (0,)),
        Hop(0, -5, 4, SIZE, 2, ()),
        Hop(0, 4, -5, SIZE, 3, (1,)),
        Hop(0, -5, SERVER, SIZE, 4, ()),
    ]


def test_handed_from_client_to_client_a_chain_of_three_sends_four_models() -> None:
    handed = plan((2,), (7, 4, 7)).placed(lambda chain: None)
    assert handed.hops()[2:] == [
        Hop(1, SERVER, 7, SIZE, -1, ()),
        Hop(1, 7, 4, SIZE, 2, (1,)),
        Hop(1, 4, 7, SIZE, 3, (2,)),
        Hop(1, 7, SERVER, SIZE, 4, (3,)),
    ]
    assert handed.bytes_sent == (2 + 4) * SIZE


def test_two_visits_in_a_row_of_one_client_need_no_hop_between_clients_but_two_at_the_server() -> None:
    assert plan((7, 7)).placed(lambda chain: None).hops() == [
        Hop(0, SERVER, 7, SIZE, -1, ()),
        Hop(0, 7, SERVER, SIZE, 0, (0, 1)),
    ]
    assert len(plan((7, 7)).hops()) == 4


def test_each_chain_may_have_its_mediator_elsewhere() -> None:
    mixed = plan((1, 2), (3, 4)).placed(lambda chain: None if chain.id else SERVER)
    assert [len([hop for hop in mixed.hops() if hop.chain == number]) for number in (0, 1)] == [4, 3]


def test_a_chain_without_visits_sends_nothing() -> None:
    assert plan(()).hops() == []


def test_along_chains_the_rate_falls_to_that_of_the_next_round() -> None:
    standing = plan((7, 4, 2, 5), (3,))
    assert [standing.training_at(place).lr for place in range(4)] == [0.1] * 4
    falling = replace(standing, training=replace(standing.training, falls_to=0.02))
    # The longest chain has four visits, each a quarter of the way from 0.1 to 0.02.
    assert [falling.training_at(place).lr for place in range(4)] == pytest.approx([0.1, 0.08, 0.06, 0.04])
    assert replace(falling.training_at(3), lr=0.1) == falling.training


def test_in_a_part_of_a_round_the_rate_falls_as_in_the_whole() -> None:
    whole = plan((7, 4, 2, 5), (3, 6))
    whole = replace(whole, training=replace(whole.training, falls_to=0.02))
    short = whole.part(whole.chains[1])
    assert short.chains == (whole.chains[1],)
    assert short.training_at(1).lr == whole.part().part(whole.chains[1]).training_at(1).lr == pytest.approx(0.08)
