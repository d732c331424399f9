"""Class centres on features that are worked out by hand, and on a linear model of two clients."""

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
from astraea.federation.rules import ClassCentred, Plain
from astraea.federation.rules.class_centred import decorrelation, margin
from astraea.federation.training import run_chain
from astraea.federation.vector import VectorModel


def _context(held: list[int] | None = None, **given: object) -> VisitContext:
    histogram = None if held is None else torch.tensor(held)
    return VisitContext(torch.zeros(2), {}, {}, None, 1.0, histogram, **given)  # type: ignore[arg-type]


def test_centres_are_means_by_class_and_the_margin_is_the_longest_distance() -> None:
    features = torch.tensor([[2.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    found = ClassCentred().prepare(features, torch.tensor([0, 0, 1]), _context([2, 1, 0]))
    expected = torch.tensor([[3.0, 0.0], [0.0, 4.0], [1e-8, 1e-8]])  # nobody here has class 2
    torch.testing.assert_close(found["centres"], expected)
    assert float(found["margin"]) == pytest.approx(5.0)  # of (3, 0) and (0, 4)
    short = ClassCentred(most_margin=2.0).prepare(features, torch.tensor([0, 0, 1]), _context([2, 1, 0]))
    assert float(short["margin"]) == 2.0
    assert float(margin(torch.zeros(1, 2))) == 0.0


def test_the_own_centre_counts_as_farther_by_the_margin() -> None:
    rule = ClassCentred(weight=2.0, decorrelate=0.0).bound(lambda logits, targets, classes: logits.sum() * 0 + 7.0)
    prepared = {"centres": torch.tensor([[0.0, 0.0], [3.0, 4.0]]), "margin": torch.tensor(1.0)}
    context = _context([1, 1], features=torch.tensor([[0.0, 3.0]]), prepared=prepared)
    # Distances are 3 and sqrt(10); the sample is of class 0, whose distance counts as 4.
    crossed = 4 + math.log(math.exp(-4) + math.exp(-math.sqrt(10)))
    assert float(rule.objective(torch.zeros(1, 2), torch.tensor([0]), context)) == pytest.approx(7 + 2 * crossed)


def test_a_step_leads_to_the_own_centre_also_from_the_centre_itself() -> None:
    rule = ClassCentred(weight=1.0, decorrelate=0.0).bound(lambda logits, targets, classes: logits.sum() * 0)
    prepared = {"centres": torch.tensor([[0.0], [4.0]]), "margin": torch.tensor(0.0)}
    for at, sign in ((1.0, 1.0), (0.0, 0.0)):
        features = torch.tensor([[at]], requires_grad=True)
        rule.objective(
            torch.zeros(1, 2), torch.tensor([0]), _context([1, 1], features=features, prepared=prepared)
        ).backward()
        assert features.grad is not None
        assert bool(torch.isfinite(features.grad).all())
        if sign:
            assert float(features.grad) > 0  # downhill is towards 0


def test_correlation_is_of_different_features_alone() -> None:
    # Brought to variance 1 (by n - 1), both columns are (-1, 1) / sqrt(2): each product of the two is 1.
    alike = torch.tensor([[0.0, 0.0], [2.0, 4.0]])
    assert float(decorrelation(alike)) == pytest.approx(1.0 / 2)
    apart = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert float(decorrelation(apart)) == pytest.approx(0.0, abs=1e-12)
    assert float(decorrelation(torch.ones(1, 2))) == 0.0
    assert float(decorrelation(torch.ones(3, 1))) == 0.0


def _two_clients() -> tuple[nn.Module, Population]:
    rng = np.random.default_rng(0)
    data = Samples(rng.random((8, 1, 3, 3), np.float32), np.arange(8) % 2)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(9, 4), nn.ReLU(), nn.Linear(4, 2))
    return module, Population.from_samples(data, [np.arange(4), np.arange(4, 8)], classes=2)


def test_without_weights_it_is_plain_and_with_them_it_is_not(plan_of: Callable[..., RoundPlan]) -> None:
    module, clients = _two_clients()
    model = VectorModel(module)
    plan = plan_of([0, 1], params=model.read()[0], lr=0.1, batch_size=2, epochs=2)
    plain, off, on = (
        run_chain(plan, plan.chains[0], model, rule.bound(CrossEntropy()), clients)
        for rule in (Plain(), ClassCentred(weight=0, decorrelate=0), ClassCentred())
    )
    assert not any(report.skipped for report in (*off.reports, *on.reports))
    torch.testing.assert_close(off.end.params, plain.end.params)
    assert not torch.allclose(on.end.params, plain.end.params)
    assert [report.samples for report in on.reports] == [report.samples for report in plain.reports]
    assert not any(part._forward_hooks for part in module.modules())  # nothing stays behind


def test_engines_give_the_same_bytes(plan_of: Callable[..., RoundPlan]) -> None:
    module, clients = _two_clients()
    model, rule = VectorModel(module), ClassCentred(weight=0.5).bound(CrossEntropy())
    plan = plan_of([0], [1], params=model.read()[0], lr=0.1, batch_size=2)
    one_by_one = [run_chain(plan, chain, model, rule, clients) for chain in plan.chains]
    for result, expected in zip(StackedEngine(module).execute(plan, rule, clients), one_by_one, strict=True):
        assert torch.equal(result.end.params, expected.end.params)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten()), "has no linear layer"),
        (
            nn.Sequential(
                nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Unflatten(1, (3, 1)), nn.Conv1d(3, 2, 1), nn.Flatten()
            ),
            "do not come out of its last linear layer",
        ),
    ],
    ids=["none", "not-last"],
)
def test_a_model_without_features_is_refused_before_training(model: nn.Module, said: str) -> None:
    images = np.arange(80, dtype=np.float32).reshape(20, 1, 2, 2) % 7
    with pytest.raises(InputError, match=said):
        astraea.run(
            dataset=(images, np.arange(20) % 2),
            model=model,
            train={"rule": "class-centred"},
            scenario={"clients": 2},
            rounds=1,
        )


def test_a_rule_without_a_histogram_says_so() -> None:
    with pytest.raises(InputError, match="needs the client's label histogram"):
        ClassCentred().prepare(torch.zeros(1, 2), torch.tensor([0]), _context())
    with pytest.raises(InputError, match="needs features"):
        ClassCentred().objective(torch.zeros(1, 2), torch.tensor([0]), _context([1, 1]))
