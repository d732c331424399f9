"""FedProx on a model that is nothing but a bias."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from astraea.balance.losses import CrossEntropy
from astraea.federation.clients import Population
from astraea.federation.plan import RoundPlan
from astraea.federation.rules import FedProx, Plain
from astraea.federation.training import run_chain
from astraea.federation.vector import VectorModel


def test_the_second_step_is_pulled_back(
    constant: nn.Module, three_clients: Population, plan_of: Callable[..., RoundPlan]
) -> None:
    plan = plan_of([0], epochs=2)
    result = run_chain(
        plan, plan.chains[0], VectorModel(constant), FedProx(mu=0.4).bound(CrossEntropy()), three_clients
    )
    # At rate 1 the first step goes to (1/2, -1/2), where nothing pulls yet; there the gradient is
    # (s - 1, 1 - s) with s = e / (e + 1), and the pull 0.4 * (1/2, -1/2).
    s = math.e / (math.e + 1)
    moved = 0.5 + (1 - s) - 0.2
    assert result.end.params.tolist() == pytest.approx([moved, -moved])
    assert result.end.bytes == plan.start.bytes


def test_without_strength_it_is_plain(
    constant: nn.Module, three_clients: Population, plan_of: Callable[..., RoundPlan]
) -> None:
    plan = plan_of([0, 2, 1], epochs=3, batch_size=1)
    rules = FedProx(mu=0.0).bound(CrossEntropy()), Plain().bound(CrossEntropy())
    first, second = (run_chain(plan, plan.chains[0], VectorModel(constant), rule, three_clients) for rule in rules)
    assert torch.equal(first.end.params, second.end.params)
