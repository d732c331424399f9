"""A ServerApp that was killed goes on to the bytes of one that was not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

import numpy as np
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord
from tests.flower.adding import PLAIN, adding_app, train_adding

from astraea.errors import RunError
from astraea.files import lock
from astraea.flower import AstraeaStrategy, InProcessGrid
from astraea.flower.telling import Handler


def _loss(arrays: ArrayRecord) -> float:
    return float(sum(value.abs().sum() for value in arrays.to_torch_state_dict().values()))


class KilledError(Exception):
    pass


@pytest.mark.parametrize("killed_after", [1, 2])
def test_stopped_and_resumed_is_uninterrupted(
    federation: Callable[..., Any], tmp_path: Path, killed_after: int
) -> None:
    one = federation(rounds=3)
    measured: list[int] = []

    def measure(round_: int, arrays: ArrayRecord) -> MetricRecord:
        measured.append(round_)
        if round_ == killed_after + 1 and len(measured) == round_ + 1:
            raise KilledError  # in the middle of the round after the last checkpoint
        return MetricRecord({"size": _loss(arrays)})

    with pytest.raises(KilledError):
        one.start(one.strategy(checkpoint=tmp_path), evaluate_fn=measure)
    resumed = one.strategy(checkpoint=tmp_path)
    # The nodes come back in another order, and so with other ids.
    grid = InProcessGrid(one.app(), 5, node_config=lambda place: {"partition-id": 4 - place})
    result = one.start(resumed, grid, evaluate_fn=measure)
    whole = one.strategy()
    expected = one.start(whole, evaluate_fn=lambda round_, arrays: MetricRecord({"size": _loss(arrays)}))
    assert torch.equal(resumed.run.state.params, whole.run.state.params)
    assert resumed.run.history == whole.run.history
    assert measured == [*range(killed_after + 2), *range(killed_after + 1, 4)]
    assert {k: dict(v) for k, v in result.train_metrics_clientapp.items()} == {
        k: dict(v) for k, v in expected.train_metrics_clientapp.items()
    }
    assert sorted(result.evaluate_metrics_serverapp) == [1, 2, 3]
    assert result.evaluate_metrics_serverapp[3] == expected.evaluate_metrics_serverapp[3]


def test_a_finished_run_trains_no_further(federation: Callable[..., Any], tmp_path: Path) -> None:
    one = federation()
    first = one.start(one.strategy(checkpoint=tmp_path))
    strategy = one.strategy(checkpoint=tmp_path)
    again = one.start(strategy)
    assert strategy.run.totals["client_epochs"] == 20
    for name, value in first.arrays.to_torch_state_dict().items():
        assert torch.equal(again.arrays.to_torch_state_dict()[name], value)


def test_more_rounds_go_on_from_a_finished_run(federation: Callable[..., Any], tmp_path: Path) -> None:
    one = federation(train={"schedule": "constant"})
    one.start(one.strategy(checkpoint=tmp_path), rounds=1)
    strategy = one.strategy(checkpoint=tmp_path)
    one.start(strategy, rounds=2)
    assert torch.equal(strategy.run.state.params, one.locally().state.params)


def test_more_rounds_are_a_choice_where_rates_depend_on_how_many(
    federation: Callable[..., Any], tmp_path: Path
) -> None:
    one = federation()  # whose rate falls along a cosine
    one.start(one.strategy(checkpoint=tmp_path), rounds=1)
    with pytest.raises(RunError, match=r"has rounds = 1, not 2, and train\.schedule = 'cosine' runs over that length"):
        one.start(one.strategy(checkpoint=tmp_path), rounds=2)
    prolonged = one.strategy(checkpoint=tmp_path, prolong=True)
    one.start(prolonged, rounds=2)
    first, second = (line["lr"] for line in prolonged.run.history)
    assert second == pytest.approx(first / 2)
    one.start(one.strategy(checkpoint=tmp_path, prolong=True), rounds=2)  # which is done: nothing to choose
    with pytest.raises(RunError, match="has rounds = 2, not 1"):
        one.start(one.strategy(checkpoint=tmp_path), rounds=1)


def test_another_model_is_refused(federation: Callable[..., Any], tmp_path: Path) -> None:
    one = federation()
    one.start(one.strategy(checkpoint=tmp_path), rounds=1)
    facts = json.loads((tmp_path / "strategy.json").read_text())
    assert facts["model"]
    facts["model"][0][0] = "another"
    (tmp_path / "strategy.json").write_text(json.dumps(facts))
    with pytest.raises(RunError, match="the checkpoint holds another model"):
        one.start(one.strategy(checkpoint=tmp_path), rounds=1)


def test_other_settings_are_refused(federation: Callable[..., Any], tmp_path: Path) -> None:
    one = federation()
    one.start(one.strategy(checkpoint=tmp_path), rounds=1)
    with pytest.raises(RunError, match="has seed = 3, not 4"):
        one.start(one.strategy(checkpoint=tmp_path, seed=4))


def test_damage_is_named(federation: Callable[..., Any], tmp_path: Path) -> None:
    one = federation()
    one.start(one.strategy(checkpoint=tmp_path), rounds=1)
    (tmp_path / "strategy.json").write_text("{")
    with pytest.raises(RunError, match=r"strategy.json cannot be read"):
        one.start(one.strategy(checkpoint=tmp_path))


def test_the_file_says_who_is_who(federation: Callable[..., Any], tmp_path: Path) -> None:
    one = federation()
    one.start(one.strategy(checkpoint=tmp_path), rounds=1)
    facts = json.loads((tmp_path / "strategy.json").read_text())
    assert [client["name"] for client in facts["clients"]] == [0, 1, 2, 3, 4]
    assert [client["own"] for client in facts["clients"]] == one.experiment.scenario.histograms.tolist()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"weighted_by_key": "loss"}, "has weighted_by_key = 'num-examples', not 'loss'"),
        ({"min_train_nodes": 3}, "has min_train_nodes = 2, not 3"),
        ({"train": {"lr": 0.5}}, r"has train\.lr = 0\.02, not 0\.5"),
        ({"server": {"optimizer": "adam"}}, r"has server\.optimizer"),
        ({"config": {"lr": 0.3}}, r"has train_config\.lr = 0\.1, not 0\.3"),
        ({"config": {}}, r"has train_config\.lr = 0\.1, not None"),
    ],
)
def test_what_a_resumed_run_depends_on_may_not_change(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    changes = dict(changes)
    config = {"train_config": ConfigRecord(changes.pop("config", {"lr": 0.1}))}
    train_adding(AstraeaStrategy(checkpoint=tmp_path, **PLAIN), rounds=1, train_config=ConfigRecord({"lr": 0.1}))
    with pytest.raises(RunError, match=reason):
        train_adding(AstraeaStrategy(checkpoint=tmp_path, **{**PLAIN, **changes}), rounds=1, **config)


def test_a_model_of_other_names_with_as_many_numbers_is_not_resumed(tmp_path: Path) -> None:
    train_adding(AstraeaStrategy(checkpoint=tmp_path, **PLAIN), rounds=1)
    with pytest.raises(RunError, match="another model"):
        train_adding(AstraeaStrategy(checkpoint=tmp_path, **PLAIN), rounds=1, arrays={"v": np.zeros(2, np.float32)})


def test_a_folder_holds_one_run_is_tried_before_training_and_read_by_its_owner(tmp_path: Path) -> None:
    trained: list[int] = []

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        trained.append(context.node_id)
        return call_next(message, context)

    with lock(tmp_path), pytest.raises(RunError, match="another process is running in"):
        train_adding(AstraeaStrategy(checkpoint=tmp_path, **PLAIN), adding_app(None, mod))
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        train_adding(AstraeaStrategy(checkpoint=tmp_path / "file", **PLAIN), adding_app(None, mod))
    assert trained == []
    train_adding(AstraeaStrategy(checkpoint=tmp_path, **PLAIN), rounds=1)
    assert (tmp_path / "strategy.json").stat().st_mode & 0o777 == 0o600
