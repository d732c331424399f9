"""The strategy: the same rounds as the local loop, to the bit, and Flower's own ways around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.serverapp.strategy import FedAvg

from astraea.flower import AstraeaStrategy


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"algorithm": {"mediator_epochs": 1, "capacity": 3, "clients_per_round": 4}},
        {"balance": {"rebalancing": "z-score", "tau_down": 0.5}},
        {"balance": {"storage": "on-the-fly"}},
        {"balance": {"rebalancing": "none", "transformed": "all"}},
        {"train": {"loss": "logit-adjusted", "optimizer": "Adam", "lr": 0.003}},
        {"algorithm": {"participation": {"rule": "rare-first"}, "clients_per_round": 3}},
        {"algorithm": {"mediators": "random"}},
    ],
    ids=["mean-power", "unequal-chains", "z-score", "on-the-fly", "transformed", "prior", "rare-first", "random"],
)
def test_same_seed_same_bytes_as_the_local_engine(federation: Callable[..., Any], changes: dict[str, Any]) -> None:
    one = federation(**changes)
    strategy = one.strategy()
    one.start(strategy)
    local = one.locally()
    assert torch.equal(strategy.run.state.params, local.state.params)
    assert strategy.run.totals == local.totals
    own = [{key: value for key, value in line.items() if "flower" not in key} for line in strategy.run.history]
    assert own == local.history


def test_average_is_flowers_own() -> None:
    assert AstraeaStrategy.aggregate_train is FedAvg.aggregate_train
