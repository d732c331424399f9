"""The server side, worked out by hand on models of a few numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from astraea.balance.losses import CrossEntropy
from astraea.errors import InputError
from astraea.federation.algorithms import Algorithm, Astraea, FedAvg, State, View
from astraea.federation.plan import Chain, ChainResult, ChainState, LocalTraining, Visit, VisitReport
from astraea.federation.rules import Plain
from astraea.federation.server import Server, ServerSettings, make_server
from astraea.federation.server.averaging import averaged
from astraea.federation.server.fednova import chain_steps
from astraea.federation.settings import TrainingSettings
from astraea.federation.vector import VectorModel

NONE = torch.empty(0, dtype=torch.int64)


def build(**settings: object) -> Algorithm:
    server = Server(ServerSettings(**settings))
    training = TrainingSettings(momentum=0.0)
    return FedAvg(clients_per_round=2).bound(training, Plain().bound(CrossEntropy()), server)


def step(algorithm: Algorithm, state: State, *results: tuple[list[float], int, int]) -> State:
    """One round whose chains come back with these (model, samples, steps)."""
    view = View(np.ones((2, 2), np.int64), np.ones(2, np.bool_), 0.0, 0)
    total = algorithm.zero(algorithm.plan(state, view, np.random.default_rng(0)))
    for number, (params, examples, steps) in enumerate(results):
        end = ChainState(torch.tensor(params), NONE, examples=examples, steps=steps)
        reports = (VisitReport(number, 0, samples=examples, steps=steps),)
        total = algorithm.add(total, ChainResult(Chain(number, (Visit(number),)), end, reports))
    return algorithm.finish(state, total)


def test_fedavgm_worked_out_by_hand() -> None:
    algorithm = build(optimizer="momentum", momentum=0.5, lr=2.0)
    state = algorithm.init(torch.tensor([1.0]), NONE)
    state = step(algorithm, state, ([2.0], 1, 1), ([6.0], 1, 1))  # the change is 3, so is v: 1 + 2 * 3
    assert state.params.tolist() == [7.0]
    state = step(algorithm, state, ([8.0], 1, 1))  # v = 3/2 + 1: 7 + 2 * 5/2
    assert state.params.tolist() == [12.0]


def test_fedadam_worked_out_by_hand() -> None:
    algorithm = build(optimizer="adam", momentum=0.5, second_momentum=0.75, adaptivity=2.0, lr=1.0)
    state = algorithm.init(torch.tensor([0.0]), NONE)
    # m = 1/2 * 4; v = 3/4 * 2^2 + 1/4 * 4^2 = 7.
    state = step(algorithm, state, ([4.0], 3, 1))
    first = 2 / (math.sqrt(7) + 2)
    assert state.params.tolist() == pytest.approx([first])
    # The change is 0: m = 1, v = 21/4.
    state = step(algorithm, state, ([first], 3, 1))
    assert state.params.tolist() == pytest.approx([first + 1 / (math.sqrt(5.25) + 2)])


def test_without_an_optimiser_the_average_is_the_model_to_the_bit() -> None:
    algorithm = build()
    state = step(algorithm, algorithm.init(torch.tensor([0.3, 0.1]), NONE), ([0.1, 0.7], 3, 9), ([0.2, 0.4], 4, 1))
    expected = (3 * torch.tensor([0.1, 0.7])).add_(torch.tensor([0.2, 0.4]), alpha=4) / 7
    assert torch.equal(state.params, expected)
    assert not state.server


def test_a_server_rate_scales_the_change() -> None:
    algorithm = build(lr=0.5)
    assert step(algorithm, algorithm.init(torch.tensor([2.0]), NONE), ([4.0], 1, 1)).params.tolist() == [3.0]


def test_buffers_are_averaged_but_not_optimised() -> None:
    server = Server(ServerSettings(optimizer="momentum", lr=10.0), weights=1)
    params, _ = server.next(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 7.0]), 1.0, 1, {})
    assert params.tolist() == [11.0, 7.0]


def test_fednova_worked_out_by_hand() -> None:
    algorithm = build(aggregation="fednova")
    start = algorithm.init(torch.tensor([0.0]), NONE)
    # p = (1/4, 3/4), steps (2, 6), changes (1, 12): tau = 5 and sum p d / a = 1/8 + 3/2, in all 65/8.
    state = step(algorithm, start, ([1.0], 1, 2), ([12.0], 3, 6))
    assert state.params.tolist() == pytest.approx([65 / 8])
    # With the same steps everywhere it is the plain average.
    state = step(algorithm, start, ([1.0], 1, 4), ([12.0], 3, 4))
    assert state.params.tolist() == pytest.approx([37 / 4])


def test_the_steps_of_a_chain_count_each_visit_apart() -> None:
    reports = (
        VisitReport(0, 0, samples=9, steps=3),
        VisitReport(1, 0, skipped="broken"),
        VisitReport(0, 1, samples=9, steps=1),
    )
    result = ChainResult(Chain(0, ()), ChainState(torch.zeros(1), NONE, examples=9, steps=4), reports)
    plain = LocalTraining(1, 1, "SGD", 0.1)
    assert chain_steps(result, plain) == 4.0
    heavy = LocalTraining(1, 1, "SGD", 0.1, {"momentum": 0.5})
    assert chain_steps(result, heavy) == pytest.approx(4.25 + 1)
    assert chain_steps(result, LocalTraining(1, 1, "Adam", 0.1)) == 4.0


def test_averages_are_plain_at_first_and_then_forget() -> None:
    average = None
    for round_, value in enumerate([1.0, 2.0, 6.0], start=1):
        average = averaged(average, torch.tensor([value]), round_, 0.9)
    assert average is not None
    assert average.tolist() == [3.0]
    assert averaged(torch.tensor([3.0]), torch.tensor([7.0]), 40, 0.75).tolist() == [4.0]


def test_the_average_is_used_and_the_model_trained_on() -> None:
    algorithm = build(average=0.9)
    state = algorithm.init(torch.tensor([0.0]), NONE)
    assert algorithm.deploy(state)[0].tolist() == [0.0]
    for value in (2.0, 4.0):
        state = step(algorithm, state, ([value], 1, 1))
    assert state.params.tolist() == [4.0]
    assert algorithm.deploy(state)[0].tolist() == [3.0]


def test_rows_of_the_classifier_get_one_norm() -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 3))
    model = VectorModel(module)
    server = make_server(ServerSettings(realign=10.0), model, classes=3)
    with torch.no_grad():
        module[1].weight.copy_(torch.tensor([[3.0, 4.0], [0.0, 1.0], [0.0, 0.0]]))
        module[1].bias.fill_(5.0)
    params, _ = model.read()
    changed = model.named(server.deploy(params, {}))
    assert changed["1.weight"].tolist() == [[6.0, 8.0], [0.0, 10.0], [0.0, 0.0]]
    assert changed["1.bias"].tolist() == [5.0, 5.0, 5.0]
    assert torch.equal(changed["0.weight"], model.named(params)["0.weight"])
    assert model.named(params)["1.weight"][0].tolist() == [3.0, 4.0]  # what was given is left alone
    with pytest.raises(InputError, match="final layer with a row for each of 7 classes"):
        make_server(ServerSettings(realign=1.7), model, classes=7)


def test_mediators_go_with_every_server() -> None:
    server = Server(ServerSettings(optimizer="adam", aggregation="fednova", average=0.5))
    settings = Astraea(clients_per_round=2, capacity=1, mediator_epochs=1)
    algorithm = settings.bound(TrainingSettings(), Plain().bound(CrossEntropy()), server)
    state = step(algorithm, algorithm.init(torch.tensor([0.0]), NONE), ([1.0], 2, 3), ([2.0], 2, 5))
    assert set(state.server) == {"mean", "square", "average"}
