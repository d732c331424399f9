"""SCAFFOLD on a quadratic whose every number can be worked out: clients that pull towards their own point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from astraea.balance.losses import CrossEntropy
from astraea.data.dataset import Samples
from astraea.errors import InputError
from astraea.federation.algorithms import FedAvg, View
from astraea.federation.clients import Population
from astraea.federation.plan import ChainState
from astraea.federation.rule import LocalRule, VisitContext
from astraea.federation.rules import Facts, Plain, Scaffold
from astraea.federation.settings import TrainingSettings
from astraea.federation.training import run_chain
from astraea.federation.vector import VectorModel


def context(start: float, control: float, own: float | None, lr: float = 0.5, samples: int = 1) -> VisitContext:
    return VisitContext(
        start=torch.tensor([start]),
        shared={"control": torch.tensor([control])},
        client={} if own is None else {"control": torch.tensor([own])},
        log_prior=None,
        lr=lr,
        histogram=torch.tensor([samples, 0]),
    )


def test_option_two_worked_out_by_hand() -> None:
    rule = Scaffold().bound(CrossEntropy(), Facts(weights=1, samples=4))
    seen = context(1.0, 0.25, 0.5)
    assert rule.gradient(torch.tensor([2.0]), torch.tensor([9.0]), seen).tolist() == [1.75]
    # c_k+ = 1/2 - 1/4 + (1 - 0) / (2 * 1/2) = 5/4; c gains a quarter of 3/4.
    shared, kept = rule.finish(torch.tensor([0.0]), 2, seen)
    assert kept["control"].tolist() == [1.25]
    assert shared["control"].tolist() == [0.25 + 0.75 / 4]


def test_a_clients_share_is_that_of_its_samples() -> None:
    rule = Scaffold().bound(CrossEntropy(), Facts(weights=1, samples=4))
    shared, _ = rule.finish(torch.tensor([0.0]), 2, context(1.0, 0.0, None, samples=3))
    assert shared["control"].tolist() == [0.75]


def test_the_own_control_variate_is_the_mean_gradient_met() -> None:
    # Option II recovers the gradients: with c = c_k = 0 and gradients 1 and 3 at rate 1/2, w moves by -2.
    plain = Scaffold().bound(CrossEntropy(), Facts(weights=1, samples=1))
    _, kept = plain.finish(torch.tensor([-2.0]), 2, context(0.0, 0.0, None))
    assert kept["control"].tolist() == [2.0]
    # The same with momentum 1/2 under two gradients of 2: velocities 2 and 3, a move of -5/2.
    heavy = Scaffold().bound(CrossEntropy(), Facts(weights=1, samples=1, momentum=0.5))
    _, kept = heavy.finish(torch.tensor([-2.5]), 2, context(0.0, 0.0, None))
    assert kept["control"].tolist() == pytest.approx([2.0])


def test_a_visit_without_a_step_changes_nothing() -> None:
    seen = context(1.0, 0.25, 0.5)
    shared, kept = Scaffold().bound(CrossEntropy(), Facts(weights=1, samples=1)).finish(torch.tensor([1.0]), 0, seen)
    assert (shared, kept) == (seen.shared, seen.client)
    with pytest.raises(InputError, match="number of the client's samples"):
        Scaffold().bound(CrossEntropy()).finish(torch.tensor([1.0]), 1, replace(seen, histogram=None))


class Points(torch.nn.Module):
    """Logits whose cross-entropy gradient with respect to the weight is (weight - x) for label 0, nearly."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.weight - x


def quadratic(logits: torch.Tensor, targets: torch.Tensor, classes: object) -> torch.Tensor:
    return 0.5 * (logits**2).mean()


def rounds(rule: LocalRule, count: int, steps: int) -> list[float]:
    """The weight after each round of FedAvg over a client at 0 with curvature 1 and one at 4 with more steps."""
    x = np.array([[0.0], [4.0], [4.0], [4.0]], np.float32)
    population = Population.from_samples(
        Samples(x, np.zeros(4, np.int64)), [np.array([0]), np.array([1, 2, 3])], classes=2
    )
    training = TrainingSettings(lr=0.1, momentum=0.0, schedule="constant", batch_size=1)
    algorithm = FedAvg(clients_per_round=2, local_epochs=steps).bound(training, rule)
    state = algorithm.init(torch.zeros(1), torch.empty(0, dtype=torch.int64))
    model, found = VectorModel(Points()), []
    for _ in range(count):
        view = View(population.histograms, np.ones(2, np.bool_), 0.0, 0)
        plan = algorithm.plan(state, view, np.random.default_rng(0))
        total = algorithm.zero(plan)
        for chain in plan.chains:
            total = algorithm.add(total, run_chain(plan, chain, model, algorithm.rule, population))
        state = algorithm.finish(state, total)
        found.append(float(state.params[0]))
        if "control" in state.shared:  # c is the weighted mean of the clients' variates
            mean = 0.25 * state.clients[0]["control"] + 0.75 * state.clients[1]["control"]
            assert torch.allclose(state.shared["control"], mean, atol=1e-5)
    return found


def test_it_removes_the_drift_that_fedavg_keeps() -> None:
    # The minimum of the average is 3. Client 1 takes three times the steps, so FedAvg settles above it:
    # at w with w = 1/4 (1 - 0.1)^2 w + 3/4 (4 + 0.9^6 (w - 4)).
    fixed = 0.75 * 4 * (1 - 0.9**6) / (1 - 0.25 * 0.9**2 - 0.75 * 0.9**6)
    assert rounds(Plain().bound(quadratic), 60, 2)[-1] == pytest.approx(fixed, abs=1e-4)
    assert fixed > 3.4
    assert rounds(Scaffold().bound(quadratic, Facts(weights=1, samples=4)), 200, 2)[-1] == pytest.approx(3.0, abs=1e-3)


def test_control_variates_travel_and_are_counted() -> None:
    rule = TrainingSettings(rule="scaffold").local_rule(weights=3, samples=10)
    assert isinstance(rule, Scaffold)
    assert rule.facts.momentum == 0.9
    start = ChainState(torch.zeros(5), torch.empty(0, dtype=torch.int64), rule.shared(torch.zeros(5)))
    assert start.bytes == 4 * (5 + 3)


def test_optimisers_that_hide_the_gradient_are_refused() -> None:
    with pytest.raises(InputError, match=r"set train\.optimizer to 'SGD' without options"):
        TrainingSettings(rule="scaffold", optimizer="Adam").local_rule(3, 10)
