"""The strategy: the same rounds as the local loop, to the bit, and Flower's own ways around them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Array, ArrayRecord, Message
from flwr.serverapp.strategy import FedAvg

from astraea.flower import AstraeaStrategy, initial_arrays


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


def test_no_private_method_of_flowers_is_overridden() -> None:
    flowers = {name for kind in FedAvg.__mro__[:-1] for name in vars(kind)}
    shared = flowers & set(vars(AstraeaStrategy))
    assert {name for name in shared if name.startswith("_") and not name.startswith("__")} <= {"_abc_impl"}
    assert {"configure_train", "aggregate_train"} <= shared


def doubled(arrays: ArrayRecord) -> ArrayRecord:
    return ArrayRecord({name: Array(2 * array.numpy()) for name, array in arrays.items()})


class Doubling(AstraeaStrategy):
    seen: ArrayRecord | None = None

    def aggregate_train(self, server_round: int, replies: Iterable[Message]) -> Any:
        arrays, metrics = super().aggregate_train(server_round, replies)
        self.seen = arrays
        return doubled(arrays), metrics


class Constant(AstraeaStrategy):
    made: ArrayRecord

    def aggregate_train(self, server_round: int, replies: Iterable[Message]) -> Any:
        assert len(list(replies)) == 3  # the last visits of the three chains
        return self.made, None


def test_what_an_overridden_aggregate_train_returns_is_the_next_model(
    federation: Callable[..., Any], tmp_path: Path
) -> None:
    one = federation()
    strategy = one.strategy(kind=Doubling, checkpoint=tmp_path)
    result = one.start(strategy)
    final = {name: array.numpy() for name, array in result.arrays.items()}
    for name, array in doubled(strategy.seen).items():
        assert (array.numpy() == final[name]).all()
    again = one.strategy(kind=Doubling, checkpoint=tmp_path)
    resumed = one.start(again)
    assert all((array.numpy() == final[name]).all() for name, array in resumed.arrays.items())


def test_an_aggregate_train_that_does_without_ours_takes_effect_and_its_round_is_counted(
    federation: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    one = federation()
    strategy = one.strategy(kind=Constant)
    strategy.made = doubled(initial_arrays(one.model()))
    result = one.start(strategy)
    assert all((array.numpy() == strategy.made[name].numpy()).all() for name, array in result.arrays.items())
    assert (strategy.run.state.round, len(strategy.run.history)) == (2, 2)
    assert strategy.run.totals["bytes_sent"] == one.locally().totals["bytes_sent"]
    assert "Constant.aggregate_train did without AstraeaStrategy's" in caplog.text
