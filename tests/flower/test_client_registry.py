"""The server's list of clients: who is asked for a histogram, whose is believed, and who is left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import ArrayRecord, Context, Error, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode

from astraea.errors import RunError
from astraea.flower import InProcessGrid
from astraea.flower.known_client import Client
from astraea.flower.telling import Handler


def test_a_client_without_the_query_is_told_which_handler_to_add(
    federation: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    one, app = federation(), ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        raise AssertionError("nobody trains before the histograms are known")

    with pytest.raises(RunError, match=r"add app.query\('label_histogram'\)\(astraea.flower.label_histogram"):
        one.start(one.strategy(), one.grid(app))


def _answers(counts: list[int], examples: int) -> ClientApp:
    app = ClientApp()

    @app.query("label_histogram")
    def histogram(message: Message, context: Context) -> Message:
        metrics = MetricRecord({"label-histogram": counts, "num-examples": examples})
        return Message(RecordDict({"histogram": metrics}), reply_to=message)

    return app


@pytest.mark.parametrize(
    ("counts", "examples", "reason"),
    [
        ([3, 4], 8, "adds up to 7 samples, and it says that it has 8"),
        ([3, -4], -1, "not a list of class counts"),
        ([0, 0], 0, "it holds no sample"),
    ],
)
def test_a_histogram_that_cannot_be_is_refused(
    federation: Callable[..., Any], counts: list[int], examples: int, reason: str
) -> None:
    one = federation()
    with pytest.raises(RunError, match=reason):
        one.start(one.strategy(), one.grid(_answers(counts, examples)))


def _contradiction(reply: Message) -> None:
    reply.content["histogram"]["num-examples"] += 1


def _other_classes(reply: Message) -> None:
    reply.content["histogram"]["label-histogram"] = [*reply.content["histogram"]["label-histogram"], 0]


def _countless(reply: Message) -> None:
    reply.content["histogram"] = MetricRecord({"label-histogram": [1e300], "num-examples": 1e300})


def _nameless(reply: Message) -> None:
    reply.content["astraea"]["partition-id"] = "the first"


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        (_contradiction, "its label histogram adds up to"),
        (_other_classes, "its label histogram has 11 classes, that of most 10"),
        (_countless, "its label histogram is [1e+300], not a list of class counts"),
        (_nameless, "its partition-id is 'the first', not a whole number"),
    ],
)
def test_one_client_with_a_bad_histogram_is_left_out(
    federation: Callable[..., Any], how: Callable[[Message], None], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is the first one, whose word might count for more than that of others."""

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        reply = call_next(message, context)
        if message.metadata.message_type.startswith("query") and context.node_config["partition-id"] == 0:
            how(reply)
        return reply

    one = federation()
    strategy = one.strategy()
    one.start(strategy, one.grid(one.app(mods=[mod])), rounds=1)
    assert strategy.run.history[0]["clients"] == 4
    assert any(f"is left out: {reason}" in line for line in caplog.messages)


def test_new_data_are_asked_for_and_then_counted(federation: Callable[..., Any]) -> None:
    """Client 0 loses half of its samples after its first visit: it says so, and trains on with the rest."""
    one = federation(balance={"rebalancing": "none"}, algorithm={"mediator_epochs": 1}, rounds=3)
    asked: list[int] = []
    state = {"half": False}

    def data(context: Context) -> Any:
        samples = one.samples(context)
        client = int(context.node_config["partition-id"])
        return samples.take(np.arange(len(samples) // 2)) if client == 0 and state["half"] else samples

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        if message.metadata.message_type.startswith("query"):
            asked.append(int(context.node_config["partition-id"]))
        return call_next(message, context)

    def halve(round_: int, arrays: ArrayRecord) -> None:
        state["half"] = round_ >= 1

    strategy = one.strategy()
    one.start(strategy, one.grid(one.app(data=data, mods=[mod])), evaluate_fn=halve)
    assert asked == [0, 1, 2, 3, 4, 0]
    assert strategy.run.totals["visits_skipped"] == 0
    whole = len(one.experiment.scenario.clients[0])
    assert strategy._registry.histograms[0].sum() == whole // 2
    processed = [line["samples_processed"] for line in strategy.run.history]
    assert processed[0] - (processed[2] - processed[1]) == whole - whole // 2


def test_a_number_belongs_to_the_node_that_had_it_first(
    federation: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Node 5 claims the partition of node 3: it is named, never trained, and everybody else goes on."""
    one = federation()
    trained: list[int] = []

    def mod(message: Message, context: Context, call_next: Handler) -> Message:
        if message.metadata.message_type == "train":
            trained.append(context.node_id)
        return call_next(message, context)

    claims = {0: 0, 1: 1, 2: 2, 3: 1, 4: 4}
    strategy = one.strategy()
    one.start(strategy, InProcessGrid(one.app(mods=[mod]), 5, node_config=lambda i: {"partition-id": claims[i]}))
    assert set(trained) == {2, 3, 4, 6}
    assert [line["clients"] for line in strategy.run.history] == [4, 4]
    named = "node 5 is left out: it claims partition-id 1, which is that of node 3: give each SuperNode its own"
    (line,) = [line for line in caplog.messages if "claims" in line]
    assert line.startswith(named)


class Leaving(InProcessGrid):
    """A grid that some nodes have left."""

    gone: frozenset[int] = frozenset()

    def get_node_ids(self) -> list[int]:
        return [node for node in super().get_node_ids() if node not in self.gone]


def test_a_number_is_free_when_its_node_has_gone(federation: Callable[..., Any]) -> None:
    one = federation()
    claims = {0: 0, 1: 1, 2: 2, 3: 1, 4: 4}
    grid = Leaving(one.app(), 5, node_config=lambda place: {"partition-id": claims[place]})

    def leave(round_: int, arrays: ArrayRecord) -> None:
        grid.gone = frozenset({3}) if round_ == 1 else grid.gone

    strategy = one.strategy()
    one.start(strategy, grid, evaluate_fn=leave)
    assert [(client.name, client.node) for client in strategy._registry.clients] == [(0, 2), (1, 5), (2, 4), (4, 6)]


class Late(InProcessGrid):
    """A grid on which the last node is away when it is first asked: the SuperLink answers in its place."""

    asked = 0

    def push_messages(self, messages: Any) -> list[str]:
        numbers = list(super().push_messages(list(messages)))
        for number in numbers:
            reply = self._replies[number]
            if reply.metadata.message_type.startswith("query") and reply.metadata.src_node_id == 6:
                self.asked += 1
                if self.asked == 1:
                    error = Error(ErrorCode.NODE_UNAVAILABLE, "Node Unavailable")
                    reply.__dict__["_content"], reply.__dict__["_error"] = None, error
                    reply.metadata.__dict__["_src_node_id"] = 1
        return numbers


def test_a_node_that_is_away_when_asked_joins_later(federation: Callable[..., Any]) -> None:
    one = federation()
    strategy, grid = one.strategy(), Late(one.app(), 5)
    one.start(strategy, grid, rounds=3)
    assert [line["clients"] for line in strategy.run.history] == [4, 5, 5]
    assert grid.asked == 2
    assert [client.name for client in strategy._registry.clients] == [0, 1, 2, 3, 4]


def test_a_client_whose_samples_have_several_labels_says_how_many_it_has() -> None:
    counts = np.array([3, 2, 1])
    one = Client(0, counts, 2 * counts, True, counts, samples=4, drawn=8)
    assert one.sizes == (4, 8)
    assert Client.load(one.dump()).sizes == (4, 8)
    assert Client(0, counts, 2 * counts, True, counts).sizes == (6, 12)
