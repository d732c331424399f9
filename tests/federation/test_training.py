"""Local training, worked out by hand on a model that is nothing but a bias."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from torch import nn

from astraea.balance.losses import ClassView, CrossEntropy, LogitAdjusted
from astraea.data.dataset import Samples
from astraea.federation.clients import ClientData, Population
from astraea.federation.plan import RoundPlan
from astraea.federation.rule import LocalRule, VisitContext
from astraea.federation.rules import Plain
from astraea.federation.training import Deadline, run_chain
from astraea.federation.vector import VectorModel

PLAIN = Plain().bound(CrossEntropy())
PlanOf = Callable[..., RoundPlan]


def test_one_step_of_one_client(constant: nn.Module, three_clients: Population, plan_of: PlanOf) -> None:
    plan = plan_of([0])
    result = run_chain(plan, plan.chains[0], VectorModel(constant), PLAIN, three_clients)
    # Two samples of class 0 at logits (0, 0): the gradient is softmax - onehot = (-1/2, 1/2).
    assert result.end.params.tolist() == [0.5, -0.5]
    assert (result.end.examples, result.end.steps) == (2, 1)
    report = result.reports[0]
    assert (report.client, report.samples, report.steps, report.skipped) == (0, 2, 1, None)
    assert report.loss == pytest.approx(math.log(2))


def test_a_chain_hands_the_model_on(constant: nn.Module, three_clients: Population, plan_of: PlanOf) -> None:
    plan = plan_of([0, 1])
    result = run_chain(plan, plan.chains[0], VectorModel(constant), PLAIN, three_clients)
    # Client 1 begins at (1/2, -1/2), where class 0 has probability s = e/(e+1), and holds class 1.
    s = math.e / (math.e + 1)
    assert result.end.params.tolist() == pytest.approx([0.5 - s, -0.5 + s])
    assert result.end.examples == 3


def test_the_rate_falls_from_visit_to_visit(constant: nn.Module, three_clients: Population, plan_of: PlanOf) -> None:
    plan = plan_of([0, 1], falls_to=0.0)
    result = run_chain(plan, plan.chains[0], VectorModel(constant), PLAIN, three_clients)
    # As above, but the second of two visits has half the rate.
    s = math.e / (math.e + 1)
    assert result.end.params.tolist() == pytest.approx([0.5 - s / 2, -0.5 + s / 2])


def test_a_client_visited_twice_counts_once(constant: nn.Module, three_clients: Population, plan_of: PlanOf) -> None:
    plan = plan_of([0, 0])
    result = run_chain(plan, plan.chains[0], VectorModel(constant), PLAIN, three_clients)
    assert (result.end.examples, result.end.steps) == (2, 2)


def test_epochs_and_batches_give_the_steps(constant: nn.Module, three_clients: Population, plan_of: PlanOf) -> None:
    plan = plan_of([0], epochs=3, batch_size=1)
    result = run_chain(plan, plan.chains[0], VectorModel(constant), PLAIN, three_clients)
    assert (result.end.steps, result.reports[0].samples) == (6, 6)


def test_gradients_are_clipped_to_the_norm(constant: nn.Module, three_clients: Population, plan_of: PlanOf) -> None:
    plan = plan_of([0], clip_norm=0.5)
    result = run_chain(plan, plan.chains[0], VectorModel(constant), PLAIN, three_clients)
    # (-1/2, 1/2) has norm 1/sqrt(2); scaled to 1/2 it is (-1, 1) / (2 sqrt(2)).
    assert result.end.params.tolist() == pytest.approx([0.5 / math.sqrt(2), -0.5 / math.sqrt(2)], rel=1e-4)


def test_the_prior_reaches_the_loss(constant: nn.Module, three_clients: Population, plan_of: PlanOf) -> None:
    plan = plan_of([2])
    plan = RoundPlan(
        **{field: getattr(plan, field) for field in plan.__slots__} | {"prior": torch.tensor([0.75, 0.25])}
    )
    rule = Plain().bound(LogitAdjusted())
    result = run_chain(plan, plan.chains[0], VectorModel(constant), rule, three_clients)
    # One sample of each class: the mean gradient is prior - (1/2, 1/2).
    assert result.end.params.tolist() == pytest.approx([-0.25, 0.25])


class Proximal(LocalRule):
    """A rule that pulls towards the start with strength 1 and keeps its last steps."""

    def gradient(self, gradient: torch.Tensor, weights: torch.Tensor, context: VisitContext) -> torch.Tensor:
        return gradient + (weights - context.start)

    def finish(self, weights: torch.Tensor, steps: int, context: VisitContext) -> tuple[dict, dict]:
        seen = context.client.get("steps", torch.zeros(())) + steps
        return {"moved": context.shared["moved"] + (weights - context.start).abs().sum()}, {"steps": seen}


def test_a_rule_changes_gradients_and_sends_its_own_along(
    constant: nn.Module, three_clients: Population, plan_of: PlanOf
) -> None:
    plan = plan_of([0, 0], epochs=2)
    start = plan.start
    start = type(start)(start.params, start.counters, {"moved": torch.zeros(())})
    plan = RoundPlan(**{field: getattr(plan, field) for field in plan.__slots__} | {"start": start})
    result = run_chain(plan, plan.chains[0], VectorModel(constant), Proximal().bound(CrossEntropy()), three_clients)
    # First step to (1/2, -1/2); the second replaces the displacement by minus the gradient there.
    s = math.e / (math.e + 1)
    after_first = 1 - s
    assert result.client_states[0]["steps"].item() == 4
    assert result.end.extras["moved"].item() > 2 * after_first
    plan = plan_of([0], epochs=2)
    alone = run_chain(
        RoundPlan(**{field: getattr(plan, field) for field in plan.__slots__} | {"start": start}),
        plan.chains[0],
        VectorModel(constant),
        Proximal().bound(CrossEntropy()),
        three_clients,
    )
    assert alone.end.params.tolist() == pytest.approx([1 - s, s - 1])
    assert alone.end.extras["moved"].item() == pytest.approx(2 * after_first)


class Broken(Sequence[ClientData]):
    """Client 1's data cannot be read; all others are those of ``whole``."""

    def __init__(self, whole: Population) -> None:
        self.whole = whole

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, client: int) -> ClientData:  # type: ignore[override]
        if client == 1:
            raise OSError("disk of client 1 is gone")
        return self.whole[client]


def test_a_failing_visit_is_skipped_and_the_chain_goes_on(
    constant: nn.Module, three_clients: Population, plan_of: PlanOf
) -> None:
    plan, without = plan_of([0, 1, 2]), plan_of([0, 2])
    result = run_chain(plan, plan.chains[0], VectorModel(constant), PLAIN, Broken(three_clients))
    expected = run_chain(without, without.chains[0], VectorModel(constant), PLAIN, three_clients)
    assert torch.equal(result.end.params, expected.end.params)
    assert result.end.examples == 4
    assert [report.skipped for report in result.reports] == [None, "OSError: disk of client 1 is gone", None]
    assert result.trained


def test_a_nan_update_is_skipped(constant: nn.Module, plan_of: PlanOf) -> None:
    class Scaled(type(constant)):  # type: ignore[misc]
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.bias * x

    x = np.array([[1.0], [np.nan]], np.float32)
    clients = Population.from_samples(Samples(x, np.array([0, 0])), [np.array([0]), np.array([1])], classes=2)
    plan = plan_of([1, 0])
    result = run_chain(plan, plan.chains[0], VectorModel(Scaled()), PLAIN, clients)
    assert result.reports[0].skipped == "the model became NaN or infinite"
    assert result.end.params.tolist() == [0.5, -0.5]
    assert result.end.examples == 1


def test_a_visit_past_its_deadline_is_skipped(constant: nn.Module, three_clients: Population, plan_of: PlanOf) -> None:
    ticks = iter(range(100))
    plan = plan_of([0, 1], epochs=3)
    deadline = Deadline(2.0, lambda: float(next(ticks)))
    result = run_chain(plan, plan.chains[0], VectorModel(constant), PLAIN, three_clients, deadline)
    assert [report.skipped for report in result.reports] == ["not done within 2 s"] * 2
    assert not result.trained
    assert torch.equal(result.end.params, plan.start.params)


def test_batch_norm_never_meets_a_single_sample(plan_of: PlanOf) -> None:
    x = np.arange(5, dtype=np.float32).reshape(5, 1)
    clients = Population.from_samples(Samples(x, np.array([0, 1, 0, 1, 0])), [np.arange(5)], classes=2)
    model = VectorModel(nn.Sequential(nn.BatchNorm1d(1), nn.Linear(1, 2)))
    plan = plan_of([0], batch_size=2, lr=0.1)
    start = type(plan.start)(*model.read())
    plan = RoundPlan(**{field: getattr(plan, field) for field in plan.__slots__} | {"start": start})
    result = run_chain(plan, plan.chains[0], model, PLAIN, clients)
    assert result.reports[0].skipped is None
    assert result.end.steps == 2  # batches of 2 and 3
    assert result.end.counters.tolist() == [2]


def test_the_optimiser_begins_afresh_at_each_visit(
    constant: nn.Module, three_clients: Population, plan_of: PlanOf
) -> None:
    options = {"options": {"momentum": 0.9}}
    chained, alone = plan_of([0, 1], **options), plan_of([0], **options)
    both = run_chain(chained, chained.chains[0], VectorModel(constant), PLAIN, three_clients)
    first = run_chain(alone, alone.chains[0], VectorModel(constant), PLAIN, three_clients)
    then = plan_of([1], params=first.end.params, **options)
    second = run_chain(then, then.chains[0], VectorModel(constant), PLAIN, three_clients)
    assert torch.equal(both.end.params, second.end.params)


def test_the_loss_sees_the_clients_classes_and_the_step(
    constant: nn.Module, three_clients: Population, plan_of: PlanOf
) -> None:
    seen: list[tuple[list[int], int]] = []

    def spy(logits: torch.Tensor, targets: torch.Tensor, classes: ClassView) -> torch.Tensor:
        assert classes.counts is not None
        seen.append((classes.counts.tolist(), classes.step))
        return CrossEntropy()(logits, targets, classes)

    plan = plan_of([0, 2], epochs=2, batch_size=1)
    run_chain(plan, plan.chains[0], VectorModel(constant), Plain().bound(spy), three_clients)
    # Steps count on through the epochs of a visit, and begin anew with the next client.
    assert seen == [*(([2, 0], step) for step in range(4)), *(([1, 1], step) for step in range(4))]
