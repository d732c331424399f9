from __future__ import annotations

import pytest
import torch
from torch import nn

from astraea.congestion.trainer.tensors import restore, tensors_of


def _learner() -> tuple[nn.Linear, torch.optim.Adam]:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    return layer, torch.optim.Adam(layer.parameters(), lr=0.5)


def _step(layer: nn.Linear, adam: torch.optim.Adam) -> None:
    adam.zero_grad()
    (3 * layer.weight).sum().backward()
    adam.step()


def test_weights_and_moments_go_by_name_and_come_back() -> None:
    layer, adam = _learner()
    _step(layer, adam)
    held = tensors_of([("actor", layer)], [("adam", adam)])
    assert sorted(held) == ["actor/weight", "adam/0/exp_avg", "adam/0/exp_avg_sq", "adam/0/step"]
    assert held["actor/weight"].item() == pytest.approx(1.5)  # Adam's first step is as long as its rate
    assert held["adam/0/exp_avg"].item() == pytest.approx(0.3)  # (1 - 0.9) * 3
    assert held["adam/0/exp_avg_sq"].item() == pytest.approx(0.009)  # (1 - 0.999) * 9
    _step(layer, adam)
    after = layer.weight.item()
    assert held["actor/weight"].item() == pytest.approx(1.5)  # a copy: steps that follow leave it as it was

    other, its = _learner()
    restore([("actor", other)], [("adam", its)], held)
    _step(other, its)
    assert other.weight.item() == after


def test_a_module_whose_tensors_are_missing_is_told() -> None:
    layer, adam = _learner()
    with pytest.raises(RuntimeError, match="weight"):
        restore([("critic", layer)], [], tensors_of([("actor", layer)], [("adam", adam)]))
