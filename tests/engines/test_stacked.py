"""Chains as one batched model: the gradients of serial training, and what cannot be batched."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from astraea.balance.losses import CrossEntropy, Loss
from astraea.data.dataset import Samples
from astraea.engines import SerialEngine, StackedEngine
from astraea.federation.clients import Population
from astraea.federation.models import EmnistCNN
from astraea.federation.plan import Chain, ChainResult, ChainState, LocalTraining, RoundPlan, Visit
from astraea.federation.rule import LocalRule, VisitContext
from astraea.federation.rules import Plain
from astraea.federation.vector import VectorModel

PLAIN = Plain().bound(CrossEntropy())
SIZES = [5, 20, 8, 12, 3]


class Double(nn.Module):
    """A convolutional network, with BatchNorm if wanted, in float64."""

    def __init__(self, norm: bool) -> None:
        super().__init__()
        middle = nn.BatchNorm2d(4) if norm else nn.Identity()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3), middle, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)
        ).double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(x.double())
        return logits


class Pull(LocalRule):
    """Adds the way from the start, and a correction that only clients visited before have."""

    def gradient(self, gradient: torch.Tensor, weights: torch.Tensor, context: VisitContext) -> torch.Tensor:
        return gradient + 0.3 * (weights - context.start) + context.client.get("correction", torch.zeros(()))

    def finish(
        self, weights: torch.Tensor, steps: int, context: VisitContext
    ) -> tuple[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]]:
        return context.shared, {"correction": 0.1 * (weights - context.start)}


@pytest.fixture
def population() -> Population:
    rng = np.random.default_rng(0)
    total = sum(SIZES)
    samples = Samples(rng.integers(0, 255, (total, 1, 8, 8), np.uint8), rng.integers(0, 3, total))
    return Population.from_samples(samples, np.split(np.arange(total), np.cumsum(SIZES)[:-1]), 3)


def made(build: Any, *arguments: object) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return build(*arguments)


def plan_of(module: nn.Module, chains: list[list[int]], **training: object) -> RoundPlan:
    settings = {"epochs": 1, "batch_size": 20, "optimizer": "SGD", "lr": 1.0} | training
    return RoundPlan(
        round=4,
        seed=3,
        start=ChainState(*VectorModel(module).read()),
        chains=tuple(Chain(n, tuple(Visit(c) for c in chain)) for n, chain in enumerate(chains)),
        training=LocalTraining(**settings),  # type: ignore[arg-type]
        prior=torch.tensor([0.5, 0.3, 0.2]),
    )


def close(found: list[ChainResult], expected: list[ChainResult], tolerance: float) -> None:
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one.end.params, other.end.params, rtol=0, atol=tolerance)
        assert torch.equal(one.end.counters, other.end.counters)
        assert (one.end.examples, one.end.steps) == (other.end.examples, other.end.steps)
        assert [report.loss for report in one.reports] == pytest.approx([report.loss for report in other.reports])


@pytest.fixture(autouse=True)
def _nothing_goes_one_by_one(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> object:
    yield
    if "falls_back" not in request.node.name:
        assert not caplog.records


@pytest.mark.parametrize("norm", [False, True])
def test_gradients_of_one_step_are_those_of_serial(population: Population, norm: bool) -> None:
    # One step of rate 1 leaves the start minus the gradient; clients hold 5, 20, 8, 12 and 3 samples.
    plan = plan_of(made(Double, norm), [[n] for n in range(5)])
    expected = list(SerialEngine(made(Double, norm)).execute(plan, PLAIN, population))
    found = list(StackedEngine(made(Double, norm)).execute(plan, PLAIN, population))
    assert found[0].end.params.dtype == torch.float64
    close(found, expected, 1e-9)
    assert float((found[0].end.params - plan.start.params).abs().max()) > 1e-3


def test_rates_fall_along_chains_of_any_length_as_in_serial(population: Population) -> None:
    plan = plan_of(made(Double, False), [[0, 1, 2], [3], [4, 0]], lr=0.5, falls_to=0.1)
    expected = list(SerialEngine(made(Double, False)).execute(plan, PLAIN, population))
    close(list(StackedEngine(made(Double, False)).execute(plan, PLAIN, population)), expected, 1e-9)
    standing = plan_of(made(Double, False), [[0, 1, 2], [3], [4, 0]], lr=0.5)
    other = list(SerialEngine(made(Double, False)).execute(standing, PLAIN, population))
    assert torch.equal(other[1].end.params, expected[1].end.params)  # a chain of one visit has the first rate
    assert float((other[0].end.params - expected[0].end.params).abs().max()) > 1e-3


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize(
    "training",
    [
        {"batch_size": 4, "epochs": 3, "lr": 0.05, "options": {"momentum": 0.9}},
        {"batch_size": 4, "epochs": 2, "lr": 0.01, "optimizer": "Adam"},
        {"batch_size": 6, "lr": 0.01, "optimizer": "RMSprop"},
        {"batch_size": 7, "lr": 0.1, "clip_norm": 0.1},
    ],
)
def test_chains_of_ragged_clients_end_where_serial_does(
    population: Population, norm: bool, training: dict[str, object]
) -> None:
    plan = plan_of(made(Double, norm), [[0, 1], [2], [3, 4, 3], [1]], **training)
    expected = list(SerialEngine(made(Double, norm)).execute(plan, PLAIN, population))
    # A bias before BatchNorm has gradient 0 up to rounding, which optimisers that normalise blow up.
    tolerance = 1e-6 if norm and training.get("optimizer") else 1e-9
    close(list(StackedEngine(made(Double, norm), width=3).execute(plan, PLAIN, population)), expected, tolerance)


@pytest.mark.parametrize("loss", ["logit-adjusted", "ratio", "fedlc"])
def test_losses_that_look_at_priors_and_histograms(population: Population, loss: str) -> None:
    rule = Plain().bound(Loss.of(loss))
    plan = plan_of(made(Double, False), [[0, 1], [2], [3]], batch_size=4, lr=0.05)
    expected = list(SerialEngine(made(Double, False)).execute(plan, rule, population))
    close(list(StackedEngine(made(Double, False)).execute(plan, rule, population)), expected, 1e-9)


def test_rules_that_change_gradients_and_know_only_some_clients(population: Population) -> None:
    rule = Pull().bound(CrossEntropy())
    plan = plan_of(made(Double, False), [[0, 1, 0], [2], [3, 3]], batch_size=4, lr=0.05)
    states = {2: {"correction": torch.full_like(plan.start.params, 0.01)}}
    plan = RoundPlan(**{name: getattr(plan, name) for name in plan.__slots__} | {"client_states": states})
    expected = list(SerialEngine(made(Double, False)).execute(plan, rule, population))
    found = list(StackedEngine(made(Double, False)).execute(plan, rule, population))
    close(found, expected, 1e-9)
    for one, other in zip(found, expected, strict=True):
        for client, state in other.client_states.items():
            torch.testing.assert_close(one.client_states[client]["correction"], state["correction"])


def test_dropout_differs_between_chains(population: Population) -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Dropout(0.5), nn.Linear(64, 3))
    plan = plan_of(module, [[0], [0]], lr=0.1)
    first, second = StackedEngine(module).execute(plan, PLAIN, population)
    assert not torch.equal(first.end.params, second.end.params)


class Branching(nn.Module):
    """Looks at its input to decide what to do, which a batch of models cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layer(x.flatten(1))
        return logits if float(x.sum()) > 0 else -logits


def test_falls_back_to_one_by_one_and_says_why(population: Population, caplog: pytest.LogCaptureFixture) -> None:
    plan = plan_of(made(Branching), [[0, 1], [2]], lr=0.05)
    engine = StackedEngine(made(Branching))
    expected = list(SerialEngine(made(Branching)).execute(plan, PLAIN, population))
    for _ in range(2):
        for one, other in zip(engine.execute(plan, PLAIN, population), expected, strict=True):
            assert torch.equal(one.end.params, other.end.params)
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.WARNING
    assert "chains run one by one, as they cannot be stacked" in caplog.text


def test_falls_back_for_a_round_when_one_clients_labels_are_wrong(
    population: Population, caplog: pytest.LogCaptureFixture
) -> None:
    build = lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 2))  # noqa: E731
    few = [[n] for n in range(5)]
    plan = plan_of(made(build), few, lr=0.05)  # class 2 has no output
    found = list(StackedEngine(made(build)).execute(plan, PLAIN, population))
    expected = list(SerialEngine(made(build)).execute(plan, PLAIN, population))
    assert [result.trained for result in found] == [result.trained for result in expected]


def test_the_papers_model_learns_as_in_serial(population: Population) -> None:
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 240)
    x = rng.normal(0.4, 0.1, (240, 1, 28, 28)) + (np.arange(28) // 10 == y[:, None, None, None]) * 0.4
    samples = Samples(np.clip(x, 0, 1).astype(np.float32), y)
    clients = Population.from_samples(samples, np.split(np.arange(240), 6), 3)
    module = made(EmnistCNN, (1, 28, 28), 3)
    plan = plan_of(module, [[n] for n in range(6)], epochs=8, batch_size=10, lr=0.003, optimizer="Adam")
    for engine in (SerialEngine(module), StackedEngine(made(EmnistCNN, (1, 28, 28), 3))):
        losses = [result.reports[0].loss for result in engine.execute(plan, PLAIN, clients)]
        assert max(losses) < 0.8 * np.log(3)  # the mean over the visit, which begins at log 3
