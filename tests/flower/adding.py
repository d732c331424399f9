"""A federation as small as can be: four clients of two classes, each of which adds 1 to the model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid

from astraea.flower import AstraeaStrategy, InProcessGrid, label_histogram

LABELS = [[0, 0, 1], [0, 1, 1, 1], [1, 1], [0, 0, 0]]

PLAIN: dict[str, Any] = {
    "balance": {"rebalancing": "none"},
    "server": {"defence": "finite"},
    "fraction_evaluate": 0.0,
}
LAST = {"returns": "last"}
"""Settings of the algorithm with which chains give their last model, and sums are whole numbers."""

START = {"w": np.zeros(2, np.float32)}


def labels_of(context: Context) -> list[int]:
    return LABELS[int(context.node_config["partition-id"])]


def adding_app(train: Callable[[Message, Context], RecordDict] | None = None, *mods: Any) -> ClientApp:
    """An app whose clients add 1 to the model, or give what ``train`` does."""

    def adds_one(message: Message, context: Context) -> RecordDict:
        arrays = ArrayRecord({name: Array(value.numpy() + 1) for name, value in message.content["arrays"].items()})
        metrics = MetricRecord({"num-examples": len(labels_of(context)), "loss": 1.0})
        return RecordDict({"arrays": arrays, "metrics": metrics})

    app = ClientApp(mods=list(mods))
    app.query("label_histogram")(label_histogram(labels_of, classes=2))

    @app.train()
    def handle(message: Message, context: Context) -> Message:
        return Message((train or adds_one)(message, context), reply_to=message)

    @app.evaluate()
    def evaluate(message: Message, context: Context) -> Message:
        seen = float(message.content["arrays"]["w"].numpy()[0])
        metrics = MetricRecord({"num-examples": 1, "seen": seen, "node": context.node_id})
        return Message(RecordDict({"metrics": metrics}), reply_to=message)

    return app


def train_adding(strategy: AstraeaStrategy, app: ClientApp | None = None, rounds: int = 2, **options: Any) -> Any:
    arrays = options.pop("arrays", START)
    record = ArrayRecord({name: Array(value) for name, value in arrays.items()})
    grid = options.pop("grid", None) or InProcessGrid(app or adding_app(), 4)
    return strategy.start(grid, record, rounds, **options)


class OwnLoop(AstraeaStrategy):
    def start(self, grid: Grid, initial_arrays: ArrayRecord, *_: Any, **__: Any) -> Any:
        arrays: ArrayRecord | None = initial_arrays
        for round_ in range(1, 3):
            assert arrays is not None
            messages = self.configure_train(round_, arrays, ConfigRecord(), grid)
            arrays, _metrics = self.aggregate_train(round_, grid.send_and_receive(messages))
        return arrays


class Silent(InProcessGrid):
    """A grid whose first node hears no message of one kind."""

    kind = "train"

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        numbers: list[str] = []
        for message in messages:
            lost = message.metadata.dst_node_id == 2 and message.metadata.message_type.startswith(self.kind)
            self.lost = getattr(self, "lost", 0) + lost
            numbers += [f"lost {self.lost}"] if lost else list(super().push_messages([message]))
        return numbers
