"""Rounds of a strategy in simulated seconds: real bytes and steps, on a network that the run itself never sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from astraea.errors import InputError
from astraea.flower.messages import bytes_of
from astraea.flower.options import Options

PLAIN = """
[server]
up_mbps = 1e6
down_mbps = 1e6
[[sites]]
clients = "{clients}"
up_mbps = 1e6
down_mbps = 1e6
delay_ms = 100
step_seconds = 0.5
[transport]
slow_start = false
connections = "warm"
efficiency = false
"""


def plain(folder: Path, clients: str = "*", more: str = "") -> str:
    path = folder / "own.toml"
    path.write_text(more + PLAIN.format(clients=clients))
    return str(path)


def test_rounds_are_timed_as_locally_and_the_run_stays_as_it_is(federation: Callable[..., Any], tmp_path: Path) -> None:
    """Links that cost delays and training alone: a round takes what the local loop says, to the bytes around models."""
    one, timed = federation(), federation(network={"name": plain(tmp_path)})
    strategy = one.strategy(network=plain(tmp_path))
    one.start(strategy)
    local = timed.locally(simulate=timed.experiment.simulation)

    assert torch.equal(strategy.run.state.params, local.state.params)
    for line, own in zip(strategy.run.history, local.history, strict=True):
        assert line["round_seconds"] == pytest.approx(own["round_seconds"], rel=1e-3)
        assert line["round_compute_seconds"] == pytest.approx(own["round_compute_seconds"])
        assert line["straggler"] == own["straggler"]
    seconds = [line["round_seconds"] for line in strategy.run.history]
    assert strategy.run.totals["simulated_seconds"] == pytest.approx(sum(seconds))
    assert "round_seconds" not in one.locally().history[0]


def test_bytes_are_those_of_the_messages(federation: Callable[..., Any]) -> None:
    """A client of the user's own that answers with the model and 1 MB of text, and counts no steps."""
    app, seen = ClientApp(), []

    @app.train()
    def train(message: Message, context: Context) -> Message:
        records = {
            "arrays": next(iter(message.content.array_records.values())),
            "metrics": MetricRecord({"num-examples": 45}),
            "extra": ConfigRecord({"text": "x" * 1_000_000}),
        }
        seen.append(bytes_of(message.content))
        return Message(RecordDict(records), reply_to=message)

    fedavg = {"name": "fedavg", "clients_per_round": 5, "local_epochs": 2}
    one = federation()
    strategy = one.strategy(algorithm=fedavg, network="cross-silo")
    walks: list[Any] = []
    begun = strategy.aggregate_train

    def aggregate(round_: int, replies: Any) -> Any:
        walks.append(strategy._walks)
        return begun(round_, replies)

    strategy.aggregate_train = aggregate
    one.start(strategy, one.grid(app), rounds=1)

    exchanges = [visit for chain in walks[0].exchanges.values() for visit in chain]
    assert sorted(visit.down for visit in exchanges) == sorted(seen)
    size = ArrayRecord(one.model().state_dict()).count_bytes()
    assert {visit.up - size for visit in exchanges} == {1_000_000 + len("text") + len("num-examples") + 8}
    assert {visit.steps for visit in exchanges} == {2 * 3}  # two epochs of 45 samples in batches of 20


def test_text_and_lists_count_as_they_are() -> None:
    content = RecordDict(
        {"a": ConfigRecord({"key": "", "list": ["ab", "c"], "none": []}), "m": MetricRecord({"x": 1.5})}
    )

    assert bytes_of(content) == 3 + (4 + 3) + 4 + (1 + 8)


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        ("crosssilo", "cross-silo"),
        ({"name": "edge", "placement": "clients"}, "Flower's nodes talk to the server only: leave it out"),
        ({"name": "edge", "seconds": 60.0}, r"start\(num_rounds=...\)"),
        ({"congestion": "bbr"}, "network.congestion needs a network"),
        ({"nam": "edge"}, "did you mean 'name'"),
    ],
)
def test_a_network_that_cannot_be_used_is_refused(network: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Options.of(None, None, None, 0, network=network)


def test_a_deadline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"deadline_s, and Flower waits for every message"):
        Options.of(None, None, None, 0, network=plain(tmp_path, more="deadline_s = 10\n"))


def test_a_network_for_fewer_clients_is_refused_before_a_message_is_sent(
    federation: Callable[..., Any], tmp_path: Path
) -> None:
    one = federation()
    strategy = one.strategy(network=plain(tmp_path, "0-2"))

    with pytest.raises(InputError, match="client 3 has no site"):
        one.start(strategy)
    assert strategy.run.state.round == 0


def test_a_trace_that_changes_in_mid_run_stops_the_strategy(federation: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "way.csv").write_text("0,5\n10,8\n")
    path = tmp_path / "own.toml"
    path.write_text(PLAIN.format(clients="*").replace("\ndown_mbps = 1e6\ndelay", "\ndown_trace = 'way.csv'\ndelay"))
    one = federation()
    strategy = one.strategy(network=str(path))
    begun = strategy.aggregate_train

    def aggregate(round_: int, replies: Any) -> Any:
        (tmp_path / "way.csv").write_text("0,5\n10,9\n")
        return begun(round_, replies)

    strategy.aggregate_train = aggregate
    with pytest.raises(InputError, match="or a trace that it names has changed since the last round"):
        one.start(strategy, rounds=2)
