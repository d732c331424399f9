"""Optimisers written out take the steps of torch.optim, for one model and for many at once."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from astraea.federation.optimizers import make_optimizer
from astraea.federation.plan import LocalTraining

CASES: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "dampening": 0.5, "weight_decay": 0.01}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("Adam", {}),
    ("Adam", {"betas": (0.8, 0.95), "eps": 1e-6, "weight_decay": 0.1}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.3}),
    ("Adam", {"amsgrad": True}),
    ("RMSprop", {"momentum": 0.5}),
]


def steps_of(name: str, options: dict[str, Any], start: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    optimizer = make_optimizer(LocalTraining(1, 1, name, 0.1, options))
    weights = start.clone()
    for gradient in gradients:
        optimizer.step(weights, gradient.clone())
    return weights


@pytest.mark.parametrize(("name", "options"), CASES)
def test_equals_torch_optim(name: str, options: dict[str, Any]) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(7, generator=generator, dtype=torch.float64)
    gradients = torch.randn(4, 7, generator=generator, dtype=torch.float64)
    parameter = torch.nn.Parameter(start.clone())
    reference = getattr(torch.optim, name)([parameter], lr=0.1, **options)
    for gradient in gradients:
        parameter.grad = gradient.clone()
        reference.step()
    torch.testing.assert_close(steps_of(name, options, start, gradients), parameter.detach(), rtol=1e-13, atol=0)


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_row_of_a_stack_steps_as_it_would_alone(name: str, options: dict[str, Any]) -> None:
    start, gradients = torch.randn(3, 5), torch.randn(4, 3, 5)
    together = steps_of(name, options, start, gradients)
    for row in range(3):
        assert torch.equal(together[row], steps_of(name, options, start[row], gradients[:, row]))


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_stack_goes_on_with_its_first_rows(name: str, options: dict[str, Any]) -> None:
    generator = torch.Generator().manual_seed(0)
    start, gradients = torch.randn(3, 5, generator=generator), torch.randn(4, 3, 5, generator=generator)
    optimizer = make_optimizer(LocalTraining(1, 1, name, 0.1, options))
    weights = start.clone()
    for gradient in gradients[:2]:
        optimizer.step(weights, gradient.clone())
    optimizer.keep(2)
    for gradient in gradients[2:]:
        optimizer.step(weights[:2], gradient[:2].clone())
    for row, steps in ((0, 4), (1, 4), (2, 2)):
        assert torch.equal(weights[row], steps_of(name, options, start[row], gradients[:steps, row]))


def test_what_torch_refuses_is_refused() -> None:
    optimizer = make_optimizer(LocalTraining(1, 1, "SGD", 0.1, {"nesterov": True}))
    with pytest.raises(ValueError, match="Nesterov"):
        optimizer.step(torch.zeros(2), torch.zeros(2))
