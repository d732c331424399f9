"""A base that stays and an adapter that is trained: what travels, what is stored, and weights of other types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import astraea
from astraea.errors import RunError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 6)).astype(np.float32)
DATA = (X, np.arange(60) % 3)
SMALL: dict[str, Any] = {
    "rounds": 2,
    "scenario": {"clients": 4},
    "algorithm": {"name": "fedavg", "clients_per_round": 4},
    "dataset": DATA,
}


class LoRA(nn.Module):
    """Frozen layers of 103 numbers and a trained change of rank 1."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.base = nn.Sequential(nn.Linear(6, 10), nn.Linear(10, 3)).requires_grad_(False)
        self.down, self.up = nn.Parameter(torch.ones(6, 1)), nn.Parameter(torch.zeros(1, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + x @ self.down @ self.up


def test_of_an_adapter_only_the_adapter_travels_and_is_stored(tmp_path: Path) -> None:
    result = astraea.run(model=LoRA(), out=tmp_path / "run", **SMALL)
    assert result.summary["bytes_sent"] == 2 * 4 * 2 * 4 * 9  # to four clients and back, twice, 9 numbers
    assert set(load_file(tmp_path / "run" / "model.safetensors")) == {"down", "up"}
    loaded = astraea.load(tmp_path / "run", model=LoRA())
    for name, value in result.model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)
    with pytest.raises(RunError, match="other frozen weights: bring that model"):
        astraea.load(tmp_path / "run", model=LoRA(seed=1))


def test_the_base_is_stored_where_that_is_wanted(tmp_path: Path) -> None:
    astraea.run(model=LoRA(), out=tmp_path / "run", output={"frozen": True}, **SMALL)
    assert set(load_file(tmp_path / "run" / "model.safetensors")) == LoRA().state_dict().keys()
    assert astraea.load(tmp_path / "run", model=LoRA(seed=1)).state_dict().keys() == LoRA().state_dict().keys()


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_weights_keep_their_type(dtype: torch.dtype, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.Linear(6, 3).to(dtype)
    many = {**SMALL, "dataset": (np.tile(X, (40, 1)), np.tile(DATA[1], 40))}  # a sum of 2,400 weights is beyond float16
    result = astraea.run(model=model, out=tmp_path / "run", **many)
    assert result.summary["visits_skipped"] == 0
    found = result.model.state_dict()["weight"]
    assert found.dtype == dtype
    assert bool(torch.isfinite(found).all())
    assert not torch.equal(found, model.weight)
    loaded = astraea.load_result(tmp_path / "run", model=nn.Linear(6, 3).to(dtype))
    assert loaded.model.state_dict()["weight"].dtype == dtype
    assert loaded.predict(X).shape == (60,)
