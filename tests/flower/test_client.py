"""The client app: it takes any record of the model's arrays, evaluates, and refuses another model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import ArrayRecord, Context

from astraea.data.dataset import Samples
from astraea.flower import AstraeaStrategy, InProcessGrid, client_app, initial_arrays


class Normed(nn.Module):
    """Has everything that may travel: weights, a frozen one, floating and counting buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.norm = nn.BatchNorm1d(4)
        self.head = nn.Linear(4, 2)
        with torch.no_grad():
            for number, value in enumerate(self.parameters()):
                value.copy_(torch.linspace(-1, 1, value.numel()).roll(number).view(value.shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.frozen(x)))


def _samples(context: Context) -> Samples:
    rng = np.random.default_rng(int(context.node_config["partition-id"]))
    return Samples(rng.standard_normal((30, 4)).astype(np.float32), rng.integers(0, 2, 30))


def _trained(arrays: ArrayRecord, model: Callable[[], nn.Module] = Normed) -> Any:
    app = client_app(model, _samples, classes=2, test=_samples)
    strategy = AstraeaStrategy(
        train={"batch_size": 10}, algorithm={"capacity": 2, "mediator_epochs": 1}, balance={"rebalancing": "none"}
    )
    return strategy.start(InProcessGrid(app, 3), arrays, num_rounds=2)


def test_whole_state_and_travelling_part_give_the_same_model() -> None:
    part, whole = _trained(initial_arrays(Normed())), _trained(ArrayRecord(Normed().state_dict()))
    assert set(whole.arrays) - set(part.arrays) == {"frozen.weight", "frozen.bias"}
    for name, value in part.arrays.to_torch_state_dict().items():
        torch.testing.assert_close(whole.arrays.to_torch_state_dict()[name], value)
    frozen = whole.arrays.to_torch_state_dict()["frozen.weight"]
    assert torch.equal(frozen, Normed().frozen.weight)


def test_counting_buffers_stay_integers() -> None:
    """Two chains of 2 and 1 visits of 3 batches each: (6 * 60 + 3 * 30) / 90 = 5 batches a round."""
    result = _trained(initial_arrays(Normed()))
    counted = result.arrays.to_torch_state_dict()["norm.num_batches_tracked"]
    assert counted.dtype == torch.int64
    assert int(counted) == 10


def test_evaluation_by_clients() -> None:
    metrics = _trained(initial_arrays(Normed())).evaluate_metrics_clientapp
    assert set(metrics) == {1, 2}
    assert 0 <= metrics[2]["accuracy"] <= 1


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (lambda: nn.Linear(4, 2), "lacks"),
        (lambda: nn.Sequential(Normed(), nn.Linear(2, 2)), "lacks"),
    ],
)
def test_another_model_is_refused(model: Callable[[], nn.Module], reason: str) -> None:
    with pytest.raises(Exception, match=f"visits failed.*{reason}"):
        _trained(initial_arrays(Normed()), model)


def test_a_model_of_the_same_names_and_other_shapes_is_refused() -> None:
    with pytest.raises(Exception, match=r"visits failed.*the server's model differs"):
        _trained(initial_arrays(nn.Linear(4, 3)), lambda: nn.Linear(4, 2))


def test_what_cannot_be_averaged_is_refused() -> None:
    with pytest.raises(ValueError, match="no array of floating point numbers"):
        _trained(ArrayRecord([np.zeros(2, np.int64)]))
    with pytest.raises(ValueError, match="only numbers can be averaged"):
        _trained(ArrayRecord([np.array(["a", "b"])]))
