"""Hand-overs in few bits: what arrives, what is held, what it costs, and that nothing is lost for good."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from astraea.engines.serial import SerialEngine
from astraea.engines.stacked import StackedEngine
from astraea.errors import InputError
from astraea.experiment.run import run
from astraea.federation.clients import Population
from astraea.federation.handover import HandOver, in_few_bits
from astraea.federation.plan import SERVER, Chain, ChainState, LocalTraining, RoundPlan, Visit
from astraea.federation.rules import Plain
from astraea.federation.walk import Trained, Walk

NONE = torch.empty(0, dtype=torch.int64)


def walk(params: list[float], handover: HandOver, clients: int = 40) -> Walk:
    start = ChainState(torch.tensor(params), NONE)
    chain = Chain(0, tuple(Visit(client) for client in range(clients)))
    return Walk(RoundPlan(0, 0, start, (chain,), LocalTraining(1, 1, "SGD", 0.1), handover=handover), chain)


def trained(params: torch.Tensor) -> Trained:
    return Trained(params, NONE, {}, {}, 1, 1, 1, 0.5)


def test_a_client_gets_the_rounded_model_and_the_mediator_keeps_the_exact_one() -> None:
    under_way = walk([7.0, 0.4, 0.3], HandOver(4, ((0, 2),)))
    assert under_way.state.params.tolist() == [7.0, 0.0, pytest.approx(0.3)]  # steps of 1; the buffer is as it was
    assert under_way.held.params.tolist() == pytest.approx([7.0, 0.4, 0.3])
    under_way.take(Visit(0), trained(torch.tensor([0.0, 1.0, 0.9])))  # the change by -7 and 1 is sent as it is
    assert under_way.held.params.tolist() == pytest.approx([0.0, 1.4, 0.9])
    assert under_way.state.params.tolist() == pytest.approx([0.0, 1.4, 0.9])
    assert under_way.result().end is under_way.held


def test_what_rounding_loses_on_the_way_down_is_part_of_the_next_hand_over() -> None:
    under_way = walk([7.0, 0.0], HandOver(4))
    for visit in under_way.chain.visits:  # each client moves the second weight by a tenth of a step
        under_way.take(visit, trained(under_way.state.params + torch.tensor([0.0, 0.1])))
    assert under_way.held.params.tolist() == pytest.approx([7.0, 4.0], abs=1e-5)
    assert under_way.state.params.tolist() == [7.0, 4.0]


def test_weights_between_others_travel_in_few_bits_and_the_others_as_they_are() -> None:
    handover = HandOver(4, ((1, 3), (4, 5)))
    model = torch.tensor([0.01, 7.0, 0.4, 0.02, 2.0, 0.03])
    sent, buffers = handover.sent(model), handover.buffers(model)
    assert (sent.length, buffers.tolist()) == (3, pytest.approx([0.01, 0.02, 0.03]))
    assert handover.arriving(sent, buffers).tolist() == pytest.approx([0.01, 7.0, 0.0, 0.02, 2.0, 0.03])
    after = model + torch.tensor([1.0, 7.0, 1.0, 1.0, -2.0, 1.0])
    back = handover.returned(model, handover.change(model, after, 0), handover.buffers(after))
    assert back.tolist() == pytest.approx(after.tolist())
    assert handover.saved(model) == 3 * 4 - (2 + 4)  # two bytes of codes and a scale


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ([("0.weight", (2, 3)), ("0.bias", (2,)), ("2.weight", (1, 2))], ((0, 10),)),
        ([("conv.weight", (2, 1, 3, 3)), ("norm.weight", (2,)), ("norm.bias", (2,)), ("out.weight", (1, 2))],
         ((0, 18), (22, 24))),
        ([("scale", (1,)), ("out.weight", (1, 2)), ("out.bias", (1,))], ((1, 4),)),
        ([("0", (2, 2)), ("1", (2,))], ((0, 4),)),  # without names: the bias might as well be a normalisation
        ([("weight", (4,)), ("shift", ())], ((0, 5),)),  # no matrix at all
    ],
    ids=["perceptron", "normalisation", "factor", "numbered", "vectors"],
)  # fmt: skip
def test_matrices_filters_and_their_biases_travel_in_few_bits(arrays: Any, found: Any) -> None:
    assert in_few_bits(arrays) == found


def test_a_normalisation_does_not_blur_the_filters_before_it() -> None:
    filters, factors = 0.05 * torch.randn(8, 3, 3, 3, generator=torch.Generator().manual_seed(0)), torch.ones(8)
    model = torch.cat([filters.flatten(), factors])

    def error(handover: HandOver) -> float:
        arrived = handover.arriving(handover.sent(model), handover.buffers(model))
        return float((arrived - model)[:216].norm() / filters.norm())

    parts = in_few_bits([("0.weight", (8, 3, 3, 3)), ("1.weight", (8,))])
    assert error(HandOver(4, parts)) < 0.2
    assert error(HandOver(4)) > 0.7  # beside factors of 1, filters below 1/14 are rounded to 0


def test_the_change_that_comes_back_is_right_in_expectation_and_the_same_again() -> None:
    before, after = torch.zeros(2), torch.tensor([1.0, 0.3])
    handover, none = HandOver(2), torch.empty(0)

    def returned(seed: int) -> torch.Tensor:
        return handover.returned(before, handover.change(before, after, seed), none)

    arrived = torch.stack([returned(seed) for seed in range(2000)])
    assert arrived.unique().tolist() == [0.0, 1.0]
    assert float(arrived[:, 1].mean()) == pytest.approx(0.3, abs=4 * 0.5 / 2000**0.5)
    assert torch.equal(returned(5), returned(5))


def test_a_model_that_is_not_finite_is_skipped_as_ever() -> None:
    under_way = walk([1.0, 0.5], HandOver(8))
    assert not under_way.take(Visit(0), trained(torch.tensor([float("nan"), 0.0])))
    assert under_way.reports[0].skipped == "the model became NaN or infinite"
    assert under_way.held.params.tolist() == [1.0, 0.5]


def test_bytes_are_those_of_codes_scales_and_what_travels_as_it_is() -> None:
    start = ChainState(torch.zeros(3000), torch.zeros(1, dtype=torch.int64), {"control": torch.zeros(5)})
    plan = RoundPlan(0, 0, start, (Chain(0, (Visit(3), Visit(4))),), LocalTraining(1, 1, "SGD", 0.1))
    in_few = replace(plan, handover=HandOver(8, ((0, 2999),)))
    size = 2999 + 4 * 3 + 4 + 8 + 5 * 4  # codes, three scales, one buffer, one counter, a control variate
    assert in_few.bytes_per_hop == size
    assert in_few.bytes_sent == 4 * size
    at_a_site = in_few.placed(lambda chain: -5)
    whole = 3000 * 4 + 8 + 5 * 4
    assert [hop.bytes for hop in at_a_site.hops()] == [whole, size, size, size, size, whole]
    with pytest.raises(InputError, match="needs a mediator that holds the model"):
        in_few.placed(lambda chain: None)
    alone = replace(in_few, chains=(Chain(0, (Visit(3),)),)).placed(lambda chain: None)
    assert [hop.bytes for hop in alone.hops()] == [size, size]
    assert plan.placed(lambda chain: SERVER).bytes_sent == 4 * whole


def test_engines_agree(three_clients: Population, plan_of: Callable[..., RoundPlan], constant: nn.Module) -> None:
    plan = replace(plan_of([0, 1, 2], [2, 1], params=torch.tensor([0.7, -0.2])), handover=HandOver(4))
    serial, stacked = (
        [result.end.params for result in engine.execute(plan, Plain(), three_clients)]
        for engine in (SerialEngine(copy.deepcopy(constant)), StackedEngine(copy.deepcopy(constant)))
    )
    assert torch.allclose(torch.stack(serial), torch.stack(stacked), atol=1e-6)
    (whole, _) = SerialEngine(constant).execute(replace(plan, handover=None), Plain(), three_clients)
    assert not torch.equal(serial[0], whole.end.params)


def test_eight_bits_learn_as_much_for_a_quarter_of_the_bytes() -> None:
    scenario = {"clients": 10, "samples": 400}
    model = {"name": "mlp", "options": {"hidden": [32]}}
    whole, in_few = (
        run(
            rounds=3, scenario=scenario, model=model, algorithm={"name": "fedavg", "clients_per_round": 4, "bits": bits}
        )
        for bits in (32, 8)
    )
    assert in_few.summary["bytes_sent"] == pytest.approx(whole.summary["bytes_sent"] / 4, rel=0.01)
    assert in_few.summary["accuracy_best"] == pytest.approx(whole.summary["accuracy_best"], abs=0.02)
