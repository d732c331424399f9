"""The defence that chains on Flower come with: who differs for a good reason is shortened, not lost, in a short run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from tests.flower.adding import LAST, adding_app, train_adding

from astraea.flower import AstraeaStrategy, InProcessGrid

FAR = 3  # the client that goes forty times as far as others


def _train(message: Message, context: Context) -> RecordDict:
    step = 40.0 if context.node_config["partition-id"] == FAR else 1.0
    arrays = ArrayRecord({name: Array(value.numpy() + step) for name, value in message.content["arrays"].items()})
    return RecordDict({"arrays": arrays, "metrics": MetricRecord({"num-examples": 3})})


def _rounds_skipped(strategy: AstraeaStrategy) -> list[int]:
    lines: list[dict[str, Any]] = [*strategy.run.history]
    assert all(one["client"] == FAR for line in lines for one in line.get("skipped", []))
    return [line["round"] for line in lines if "skipped" in line]


@pytest.mark.parametrize("capacity", [1, 2, 4])
def test_a_client_unlike_the_others_loses_no_visit_in_its_first_three_rounds(capacity: int) -> None:
    strategy = AstraeaStrategy(algorithm={"capacity": capacity}, balance={"rebalancing": "none"}, fraction_evaluate=0.0)
    result = train_adding(strategy, adding_app(_train), rounds=4, arrays={"w": np.full(2, 10, np.float32)})
    assert _rounds_skipped(strategy) == [4]
    assert all(one["client"] == FAR for line in strategy.run.history[1:] for one in line.get("clipped", []))
    assert np.isfinite(result.arrays["w"].numpy()).all()


def test_clients_that_follow_no_schedule_are_not_measured_by_one() -> None:
    """Everybody goes as far in each of 12 rounds; a rate of a cosine would fall to 0.02 of what it was."""

    def train(message: Message, context: Context) -> RecordDict:
        arrays = ArrayRecord({name: Array(value.numpy() + 1) for name, value in message.content["arrays"].items()})
        return RecordDict({"arrays": arrays, "metrics": MetricRecord({"num-examples": 3})})

    strategy = AstraeaStrategy(algorithm=LAST, balance={"rebalancing": "none"}, fraction_evaluate=0.0)
    result = train_adding(strategy, adding_app(train), rounds=12, arrays={"w": np.full(2, 10, np.float32)})
    assert result.arrays["w"].numpy().tolist() == [34.0, 34.0]
    assert not any({"skipped", "clipped"} & line.keys() for line in strategy.run.history)


class Late(InProcessGrid):
    """A grid whose last node is not there for two rounds."""

    rounds = 0

    def get_node_ids(self) -> list[int]:
        nodes = list(super().get_node_ids())
        return nodes if self.rounds > 2 else nodes[:-1]


def test_nor_does_one_that_comes_late() -> None:
    grid = Late(adding_app(_train), 4)

    class Counting(AstraeaStrategy):
        def configure_train(self, server_round: int, *rest: Any) -> Any:
            grid.rounds = server_round
            return super().configure_train(server_round, *rest)

    strategy = Counting(balance={"rebalancing": "none"}, fraction_evaluate=0.0)
    train_adding(strategy, grid=grid, rounds=6, arrays={"w": np.full(2, 10, np.float32)})
    assert [line["clients"] for line in strategy.run.history] == [3, 3, 4, 4, 4, 4]
    assert _rounds_skipped(strategy) == [6]


def _of_one_large(says: int, **defence: Any) -> list[dict[str, Any]]:
    """Return five rounds in which client 3 goes forty times as far as others, of 10 samples, and ``says`` its own."""
    app = ClientApp()

    def own(context: Context) -> int:
        return says if context.node_config["partition-id"] == FAR else 10

    @app.query("label_histogram")
    def tell(message: Message, context: Context) -> Message:
        counts = MetricRecord({"label-histogram": [own(context) // 2] * 2, "num-examples": own(context)})
        return Message(RecordDict({"histogram": counts}), reply_to=message)

    @app.train()
    def train(message: Message, context: Context) -> Message:
        content = _train(message, context)
        content["metrics"] = MetricRecord({"num-examples": own(context)})
        return Message(content, reply_to=message)

    server = {"defence": {"name": "direction", **defence}} if defence else None
    strategy = AstraeaStrategy(balance={"rebalancing": "none"}, fraction_evaluate=0.0, server=server)
    train_adding(strategy, app, rounds=5, arrays={"w": np.full(2, 10, np.float32)})
    return [*strategy.run.history]


def test_a_node_with_most_of_the_data_is_shortened_and_not_lost_and_a_lie_buys_no_more_than_that(
    caplog: pytest.LogCaptureFixture,
) -> None:
    large, lying = _of_one_large(60), _of_one_large(10**9)
    assert not any("skipped" in line for line in large + lying)
    for lines in (large, lying):  # three times as far as others, and from then on 36, as it goes their way
        assert [[one["client"] for one in line["clipped"]] for line in lines] == [[FAR]] * 5
        found = [line["clipped"][0]["factor"] for line in lines]
        assert found == [pytest.approx(factor) for factor in (0.06875, *[0.9] * 4)]
    assert not any("client 3 is clipped" in line for line in caplog.messages)
    _of_one_large(60, multiple=3.0, grace=3, spare_large=True)
    named = [line for line in caplog.messages if "client 3 is clipped" in line]
    assert len(named) == 4
    assert all("it says that it holds more than it counts for" in line for line in named)
    assert any("skipped" in line for line in _of_one_large(10))  # who has no more than others has no reason
