"""Self-distillation on a model that is nothing but a bias, and on one that looks at its input."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import astraea
from astraea.balance.losses import CrossEntropy
from astraea.data.dataset import Samples
from astraea.engines.stacked import StackedEngine
from astraea.errors import InputError
from astraea.federation.clients import Population
from astraea.federation.plan import RoundPlan
from astraea.federation.rule import VisitContext
from astraea.federation.rules import Plain, SelfDistilled
from astraea.federation.training import run_chain
from astraea.federation.vector import VectorModel

CONTEXT = VisitContext(torch.zeros(2), {}, {}, None, 1.0)


def test_right_answers_teach_wrong_ones_do_not() -> None:
    rule = SelfDistilled(weight=2.0, temperature=1.0).bound(CrossEntropy())
    # Both samples are of class 0. The first view of one is answered right, with shares (3/4, 1/4), that of the other
    # wrong, with (1/4, 3/4); varied, both get even shares.
    logits = torch.tensor([[math.log(3), 0.0], [0.0, math.log(3)], [0.0, 0.0], [0.0, 0.0]])
    targets = torch.tensor([0, 0])
    crossed = (math.log(4 / 3) + math.log(4) + 2 * math.log(2)) / 4
    apart = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert float(rule.objective(logits, targets, CONTEXT)) == pytest.approx(crossed + 2 * apart)


def test_the_teacher_gets_no_gradient_of_the_distillation() -> None:
    rule = SelfDistilled(weight=1.0).bound(lambda logits, targets, classes: logits.sum() * 0)
    logits = torch.tensor([[1.0, 0.0], [0.0, 0.5]], requires_grad=True)
    rule.objective(logits, torch.tensor([0]), CONTEXT).backward()
    assert logits.grad is not None
    assert logits.grad[0].tolist() == [0.0, 0.0]
    assert logits.grad[1, 0] < 0 < logits.grad[1, 1]  # a step downhill makes the right answer more likely


def test_no_right_answer_is_no_distillation() -> None:
    rule = SelfDistilled().bound(CrossEntropy())
    logits = torch.tensor([[0.0, 1.0], [0.0, 1.0]])
    assert float(rule.objective(logits, torch.tensor([0]), CONTEXT)) == pytest.approx(math.log(1 + math.e))


def test_views_that_do_not_differ_change_nothing(
    constant: nn.Module, three_clients: Population, plan_of: Callable[..., RoundPlan]
) -> None:
    plan = plan_of([0, 1, 2], epochs=2)
    distilled, plain = (
        run_chain(plan, plan.chains[0], VectorModel(constant), rule.bound(CrossEntropy()), three_clients)
        for rule in (SelfDistilled(strength=0), Plain())
    )
    torch.testing.assert_close(distilled.end.params, plain.end.params)
    assert [report.samples for report in distilled.reports] == [2 * report.samples for report in plain.reports]
    assert [report.loss for report in distilled.reports] == pytest.approx([report.loss for report in plain.reports])


def test_engines_give_the_same_bytes(plan_of: Callable[..., RoundPlan]) -> None:
    rng = np.random.default_rng(0)
    data = Samples(rng.random((8, 1, 6, 6), np.float32), np.arange(8) % 2)
    clients = Population.from_samples(data, [np.arange(4), np.arange(4, 8)], classes=2)
    module = nn.Sequential(nn.Flatten(), nn.Linear(36, 2))
    model, rule = VectorModel(module), SelfDistilled().bound(CrossEntropy())
    plan = plan_of([0], [1], params=model.read()[0], lr=0.1, batch_size=2)
    one_by_one = [run_chain(plan, chain, model, rule, clients) for chain in plan.chains]
    engine = StackedEngine(module)
    for result, expected in zip(engine.execute(plan, rule, clients), one_by_one, strict=True):
        assert torch.equal(result.end.params, expected.end.params)
    plain = run_chain(plan, plan.chains[0], model, Plain().bound(CrossEntropy()), clients)
    assert not torch.equal(plain.end.params, one_by_one[0].end.params)


def test_what_cannot_be_varied_is_refused_before_training() -> None:
    codes = np.arange(40).reshape(20, 2) % 7
    with pytest.raises(InputError, match=r"codes have no variations: choose a train\.rule that needs none"):
        astraea.run(
            dataset=(codes, np.arange(20) % 2),
            model=nn.Sequential(nn.Embedding(7, 2), nn.Flatten(), nn.Linear(4, 2)),
            train={"rule": "self-distilled"},
            scenario={"clients": 2},
            rounds=1,
        )
