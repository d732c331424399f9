"""The in-process grid: an unmodified Flower app gives what Flower's own rules say it must."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from astraea.errors import InputError
from astraea.flower.grid import InProcessGrid, run_in_process


@pytest.fixture
def adds_its_number() -> ClientApp:
    """Client i adds i to every value and says that it has i + 1 examples; client 2 fails."""
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        number = int(context.node_config["partition-id"])
        if number == 2:
            raise ValueError("no data here")
        visits = context.state.setdefault("visits", MetricRecord({"count": 0}))
        visits["count"] += 1
        values = message.content["arrays"]["w"].numpy() + number
        message.content["config"]["seen"] = number  # a copy of its own: must not reach the next client
        return Message(
            RecordDict(
                {
                    "arrays": ArrayRecord({"w": Array(values)}),
                    "metrics": MetricRecord({"num-examples": number + 1, "visits": visits["count"]}),
                }
            ),
            reply_to=message,
        )

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        mean = float(message.content["arrays"]["w"].numpy().mean())
        return Message(RecordDict({"metrics": MetricRecord({"num-examples": 1, "mean": mean})}), reply_to=message)

    return app


def test_an_unmodified_app_runs(adds_its_number: ClientApp) -> None:
    app, results = ServerApp(), []

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        start = ArrayRecord({"w": Array(np.zeros(3, np.float32))})
        results.append(FedAvg().start(grid, start, num_rounds=context.run_config["rounds"]))

    run_in_process(app, adds_its_number, nodes=3, run_config={"rounds": 2})
    # Clients 0 and 1 with 1 and 2 examples: each round adds 2 / 3.
    np.testing.assert_allclose(results[0].arrays["w"].numpy(), np.full(3, 4 / 3), rtol=1e-6)
    assert results[0].train_metrics_clientapp[2]["visits"] == pytest.approx(2.0)  # contexts last through the run
    assert results[0].evaluate_metrics_clientapp[1]["mean"] == pytest.approx(2 / 3)


def test_replies_name_their_message_and_group(adds_its_number: ClientApp) -> None:
    grid = InProcessGrid(adds_its_number, 2)
    content = RecordDict({"arrays": ArrayRecord({"w": Array(np.ones(1))}), "config": ConfigRecord({"a": 1})})
    nodes = list(grid.get_node_ids())
    messages = [Message(content, node, "train", group_id=f"g{node}") for node in reversed(nodes)]
    replies = list(grid.send_and_receive(messages))
    assert [reply.metadata.src_node_id for reply in replies] == nodes[::-1]
    assert [reply.metadata.group_id for reply in replies] == [f"g{node}" for node in nodes[::-1]]
    assert [reply.metadata.reply_to_message_id for reply in replies] == [m.metadata.message_id for m in messages]
    assert dict(content["config"]) == {"a": 1}


def test_what_goes_wrong_at_a_client_is_an_error_reply(adds_its_number: ClientApp) -> None:
    grid = InProcessGrid(adds_its_number, 3)
    content = RecordDict({"arrays": ArrayRecord({"w": Array(np.ones(1))}), "config": ConfigRecord({})})
    last = list(grid.get_node_ids())[-1]
    failed, unknown_type = grid.send_and_receive([Message(content, last, "train"), Message(content, last, "query")])
    assert failed.has_error()
    assert "no data here" in failed.error.reason
    assert unknown_type.has_error()
    assert list(grid.send_and_receive([Message(content, 999, "train")], timeout=0.1)) == []


def test_replies_are_pulled_once(adds_its_number: ClientApp) -> None:
    grid = InProcessGrid(adds_its_number, 1)
    content = RecordDict({"arrays": ArrayRecord({"w": Array(np.ones(1))}), "config": ConfigRecord({})})
    ids = list(grid.push_messages([Message(content, node, "evaluate") for node in grid.get_node_ids()]))
    assert len(list(grid.pull_messages(ids))) == 1
    assert list(grid.pull_messages(ids)) == []


def test_node_config_is_the_users(adds_its_number: ClientApp) -> None:
    seen, app = [], ClientApp()

    @app.query()
    def query(message: Message, context: Context) -> Message:
        seen.append(dict(context.node_config) | dict(context.run_config))
        return Message(RecordDict(), reply_to=message)

    grid = InProcessGrid(app, 2, {"lr": 0.1}, lambda place: {"site": f"s{place}"})
    list(grid.send_and_receive([Message(RecordDict(), node, "query") for node in grid.get_node_ids()]))
    assert seen == [{"partition-id": i, "num-partitions": 2, "site": f"s{i}", "lr": 0.1} for i in range(2)]


def test_a_grid_needs_a_node(adds_its_number: ClientApp) -> None:
    with pytest.raises(InputError, match="at least 1 node"):
        InProcessGrid(adds_its_number, 0)
