"""Runs with layers that stay with each client: every engine, a stop in between, and models from the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import astraea
from astraea import Callback
from astraea.federation.loop import Run
from astraea.reading import read_tensors

SITES = ("north", "east", "south")


def sites(seed: int, size: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Two classes, measured at each site on another scale."""
    rng, found = np.random.default_rng(seed), {}
    for number, name in enumerate(SITES):
        y = rng.integers(0, 2, size)
        x = (rng.normal(size=(size, 3)) + 3.0 * y[:, None]) * 10.0**number - 20.0 * number
        found[name] = (x.astype(np.float32), y)
    return found


def train(out: Path, **changes: Any) -> astraea.Result:
    train, test = sites(0, 40), sites(1, 30)
    x, y = (np.concatenate([part[n] for part in train.values()]) for n in range(2))
    rows = {name: np.arange(number * 40, number * 40 + 40) for number, name in enumerate(SITES)}
    torch.manual_seed(0)
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2))
    settings: dict[str, Any] = {
        "rounds": 4,
        "algorithm": {
            "name": "astraea",
            "clients_per_round": 2,
            "capacity": 2,
            "local_epochs": 1,
            "mediator_epochs": 2,
        },
        "train": {"personal": ["batch-norm"], "lr": 0.1},
    }
    return astraea.run(dataset=(x, y), test=test, scenario={"clients": rows}, model=net, out=out, **settings | changes)


class Stop(Callback):
    def after_round(self, run: Run) -> None:
        if run.state.round == 2:
            raise KeyboardInterrupt


def same(one: Path, other: Path) -> bool:
    return all(
        (one / name).read_bytes() == (other / name).read_bytes()
        for name in ("model.safetensors", "personal.safetensors")
    )


def test_clients_keep_their_batch_norm_in_every_engine_and_over_a_stop(tmp_path: Path) -> None:
    result = train(tmp_path / "serial")
    train(tmp_path / "processes", engine={"name": "processes", "workers": 2})
    assert same(tmp_path / "serial", tmp_path / "processes")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", callbacks=[Stop()])
    train(tmp_path / "stopped", resume=True)
    assert same(tmp_path / "serial", tmp_path / "stopped")
    stacked = train(tmp_path / "stacked", engine="stacked")
    for name, own in result.personal.items():
        torch.testing.assert_close(dict(stacked.personal[name]), dict(own), rtol=1e-4, atol=1e-4)
    shared = train(tmp_path / "shared", train={"lr": 0.1})
    hops = result.summary["bytes_sent"] // (4 * (3 * 2 + 2))  # the linear layer's weights alone
    assert shared.summary["bytes_sent"] == hops * (4 * (8 + 6 + 6) + 8)
    assert result.summary["accuracy_deployed"] > 0.9 > shared.summary["accuracy_deployed"]


def test_a_clients_own_model_comes_from_the_result_and_from_the_folder(tmp_path: Path) -> None:
    result = train(tmp_path / "run")
    x, y = sites(1, 30)["south"]
    own = result.model_of("south")
    right = float((own(torch.from_numpy(x)).argmax(1).numpy() == y).mean())
    assert right == pytest.approx(result.client_accuracies[2])
    loaded = astraea.load_result(tmp_path / "run", model=nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)))
    assert torch.equal(loaded.model_of("south")(torch.from_numpy(x)), own(torch.from_numpy(x)))
    began = read_tensors(tmp_path / "run" / "model.safetensors")[1]
    assert began["0.running_mean"].tolist() == [0.0] * 3  # nobody sent any
    assert any("train.personal" in note for note in result.summary["notes"])
    with pytest.raises(astraea.errors.InputError, match="unknown client with a model of its own 'suoth'"):
        result.model_of("suoth")


def test_early_stopping_keeps_the_best_models_of_the_clients(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"evaluation": {"validation": 0.2, "early_stopping": 1}, "rounds": 12}
    result = train(tmp_path / "run", **changes)
    assert result.summary["deployed_round"] < 12
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", callbacks=[Stop()], **changes)
    train(tmp_path / "stopped", resume=True, **changes)
    assert same(tmp_path / "run", tmp_path / "stopped")
