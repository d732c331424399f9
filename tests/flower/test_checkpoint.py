"""A ServerApp that was killed goes on to the bytes of one that was not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import ArrayRecord, MetricRecord

from astraea.errors import RunError
from astraea.flower import InProcessGrid


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
