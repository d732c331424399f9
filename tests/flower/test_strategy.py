"""The strategy: the same rounds as the local loop, to the bit, and Flower's own ways around them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg
from tests.flower.adding import LAST, PLAIN, OwnLoop, train_adding

from astraea.errors import InputError
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


class Noticing(AstraeaStrategy):
    """A subclass that notes which rounds it sees, and halves the model."""

    rounds: list[tuple[str, int]]

    def configure_train(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Any:
        self.rounds.append(("train", server_round))
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(self, server_round: int, replies: Iterable[Message]) -> Any:
        self.rounds.append(("aggregate", server_round))
        arrays, metrics = super().aggregate_train(server_round, replies)
        assert arrays is not None
        return ArrayRecord({name: Array(value.numpy() / 2) for name, value in arrays.items()}), metrics


def test_a_subclass_decides_about_the_model_everywhere_and_a_resumed_one_sees_the_right_rounds(tmp_path: Path) -> None:
    """Two chains of two add 2 a round, halved: 1, then 1.5, then 1.75."""
    seen: dict[int, float] = {}

    def look(round_: int, arrays: ArrayRecord) -> None:
        seen[round_] = float(arrays["w"].numpy()[0])

    def made() -> Noticing:
        strategy = Noticing(algorithm=LAST, checkpoint=tmp_path, train={"schedule": "constant"}, **PLAIN)
        strategy.rounds = []
        return strategy

    train_adding(made(), rounds=2, evaluate_fn=look)
    assert seen == {0: 0.0, 1: 1.0, 2: 1.5}
    again = made()
    result = train_adding(again, rounds=3, evaluate_fn=look)
    assert again.rounds == [("train", 3), ("aggregate", 3)]
    assert (seen[3], float(result.arrays["w"].numpy()[0])) == (1.75, 1.75)


def test_a_loop_of_ones_own_works_and_is_told_that_it_has_no_checkpoints(tmp_path: Path) -> None:
    arrays = train_adding(OwnLoop(algorithm=LAST, **PLAIN))
    assert arrays["w"].numpy().tolist() == [4.0, 4.0]
    with pytest.raises(InputError, match=r"checkpoint= does not work within OwnLoop.*call AstraeaStrategy\.start"):
        train_adding(OwnLoop(checkpoint=tmp_path, **PLAIN))


@pytest.mark.parametrize("in_place", [False, True])
def test_a_model_changed_after_the_average_is_the_one_that_trains_on(in_place: bool) -> None:
    class Doubles(AstraeaStrategy):
        def aggregate_train(self, server_round: int, replies: Iterable[Message]) -> Any:
            arrays, metrics = super().aggregate_train(server_round, replies)
            assert arrays is not None
            doubled = {name: Array(2 * array.numpy()) for name, array in arrays.items()}
            if not in_place:
                return ArrayRecord(doubled), metrics
            arrays.update(doubled)
            return arrays, metrics

    result = train_adding(Doubles(algorithm={"name": "fedavg"}, **PLAIN), rounds=2)
    assert result.arrays["w"].numpy().tolist() == [6.0, 6.0]  # (0 + 1) * 2 = 2, (2 + 1) * 2 = 6


def test_who_evaluates_is_drawn_with_the_seed() -> None:
    def nodes(seed: int) -> list[float]:
        strategy = AstraeaStrategy(
            seed=seed, balance={"rebalancing": "none"}, fraction_evaluate=0.5, min_evaluate_nodes=1
        )
        result = train_adding(strategy, rounds=4)
        return [float(result.evaluate_metrics_clientapp[round_]["node"]) for round_ in range(1, 5)]

    assert nodes(1) == nodes(1)
    assert nodes(1) != nodes(2)
    assert len(set(nodes(1))) > 1


def test_options_may_be_given_by_place_and_old_names_are_explained() -> None:
    strategy = AstraeaStrategy(0.5, 0.0, 3, balance={"rebalancing": "none"})
    assert (strategy.fraction_train, strategy.fraction_evaluate, strategy.min_train_nodes) == (0.5, 0.0, 3)
    with pytest.raises(InputError, match="'fraction_fit' belongs to Flower's old interface: give fraction_train"):
        AstraeaStrategy(fraction_fit=0.5)
    with pytest.raises(InputError, match="'fraction_train' is given twice"):
        AstraeaStrategy(0.5, fraction_train=0.5)
    with pytest.raises(InputError, match=r"cannot run in Flower's old interface.*SecAgg\+"):
        strategy.initialize_parameters(client_manager=None)
    with pytest.raises(InputError, match=r"server\.average and server\.realign"):
        AstraeaStrategy(server={"average": 0.9})


def test_server_optimisers_work() -> None:
    """Chains add 2: momentum 0.9 makes the second step 2 + 0.9 * 2."""
    server = {"optimizer": "momentum", "defence": "finite"}
    result = train_adding(AstraeaStrategy(algorithm=LAST, **{**PLAIN, "server": server}))
    assert result.arrays["w"].numpy().tolist() == pytest.approx([5.8, 5.8])
    mixed = {"n.running_mean": np.zeros(1, np.float32), "w": np.zeros(2, np.float32)}
    with pytest.raises(InputError, match=r"running statistics.*initial_arrays"):
        train_adding(AstraeaStrategy(**{**PLAIN, "server": server}), arrays=mixed)


def test_a_configure_train_that_does_without_ours_gives_rounds_of_fedavg_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Own(AstraeaStrategy):
        def configure_train(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Any:
            content = RecordDict({"arrays": arrays, "config": config})
            return [Message(content, node, "train") for node in list(grid.get_node_ids())[:2]]

    strategy = Own(**PLAIN)
    result = train_adding(strategy, rounds=3)
    assert result.arrays["w"].numpy().tolist() == [3.0, 3.0]  # two clients, each of which adds 1
    assert result.train_metrics_clientapp[3]["loss"] == 1.0
    assert [line["round"] for line in strategy.run.history] == [1, 2, 3]
    assert sum("Own.configure_train did without AstraeaStrategy's" in line for line in caplog.messages) == 3


def test_the_log_tells_what_the_server_measures_as_flower_does(caplog: pytest.LogCaptureFixture) -> None:
    strategy = AstraeaStrategy(algorithm=LAST, **PLAIN)
    with caplog.at_level("INFO", "flwr"):
        train_adding(strategy, evaluate_fn=lambda round_, arrays: MetricRecord({"seen": 10 + round_}))
    assert "Initial global evaluation results: {'seen': 10}" in caplog.messages
    assert caplog.messages.count("Global evaluation") == 2
    assert "\t└──> MetricRecord: {'seen': 12}" in caplog.messages
    assert caplog.messages.index("Final results:") > caplog.messages.index("\t└──> MetricRecord: {'seen': 12}")
