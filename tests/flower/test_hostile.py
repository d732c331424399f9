"""Ten clients, two of them hostile: the model stays within 3 points of a clean federation's, and both are named."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from astraea.flower import AstraeaStrategy, InProcessGrid, label_histogram

CLIENTS, HOSTILE, ROUNDS = 10, (3, 8), 6


def _data(seed: int, size: int = 40) -> tuple[Any, Any]:
    """Three clouds of points, of which some are on the wrong side; a client has most of one."""
    rng = np.random.default_rng(seed)
    y = np.concatenate([np.full(size // 2, seed % 3), rng.integers(0, 3, size - size // 2)])
    centres = np.array([[2.5, 0.0], [0.0, 2.5], [-2.5, -2.5]])
    return rng.standard_normal((size, 2)) + centres[y], y


def _accuracy(arrays: ArrayRecord) -> float:
    x, y = _data(99, 300)
    model = arrays.to_numpy_ndarrays()
    return float(((x @ model[0] + model[1]).argmax(axis=1) == y).mean())


def _client() -> ClientApp:
    app = ClientApp()
    app.query("label_histogram")(label_histogram(lambda context: _data(_number(context))[1], classes=3))

    @app.train()
    def train(message: Message, context: Context) -> Message:
        (w, b), (x, y) = message.content["arrays"].to_numpy_ndarrays(), _data(_number(context))
        for _ in range(10):
            logits = x @ w + b
            p = np.exp(logits - logits.max(axis=1, keepdims=True))
            error = (p / p.sum(axis=1, keepdims=True) - np.eye(3)[y]) / len(y)
            w, b = w - 0.1 * x.T @ error, b - 0.1 * error.sum(axis=0)
        metrics = MetricRecord({"num-examples": len(y)})
        return Message(RecordDict({"arrays": ArrayRecord([w, b]), "metrics": metrics}), reply_to=message)

    return app


def _number(context: Context) -> int:
    return context.node_id - 2


class Attacked(InProcessGrid):
    """A grid on which two nodes do what ``attack`` says, and nothing else that is honest."""

    def __init__(self, attack: str) -> None:
        claims = dict(zip(HOSTILE, (2, 7), strict=True)) if attack == "claim" else {}
        super().__init__(_client(), CLIENTS, node_config=lambda place: {"partition-id": claims.get(place, place)})
        self.attack, self.honest, self.lost = attack, self._app, 0
        self._app = self._answered

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        numbers: list[str] = []
        for message in messages:
            hostile = message.metadata.dst_node_id - 2 in HOSTILE
            if self.attack == "silence" and hostile and message.metadata.message_type == "train":
                self.lost += 1
                numbers.append(f"lost {self.lost}")
            else:
                numbers += super().push_messages([message])
        return numbers

    def _answered(self, message: Message, context: Context) -> Message:
        hostile = _number(context) in HOSTILE
        reply = self.honest(message, context)
        if not hostile:
            return reply
        if message.metadata.message_type == "train":
            factor = {"overflow": 3e38, "noise": 100.0}.get(self.attack, 0.0)
            rng = np.random.default_rng(context.node_id)
            if self.attack in ("overflow", "noise", "histogram", "count"):
                old = reply.content["arrays"]
                made = {
                    name: Array(factor * np.sign(rng.standard_normal(a.shape)).astype(np.float32))
                    for name, a in old.items()
                }
                reply.content["arrays"] = ArrayRecord(made)
            if self.attack == "backwards":
                old = {name: one.numpy() for name, one in message.content["arrays"].items()}
                back = {
                    name: Array(old[name] - 10 * (one.numpy() - old[name]))
                    for name, one in reply.content["arrays"].items()
                }
                reply.content["arrays"] = ArrayRecord(back)
            if self.attack == "count":
                reply.content["metrics"]["num-examples"] = 10**6
        elif self.attack in ("histogram", "backwards"):
            reply.content["histogram"] = MetricRecord({"label-histogram": [10**9, 0, 0], "num-examples": 10**9})
        return reply


NAMED = {
    "overflow": "client {} is skipped: its model holds numbers as large as 3e+38",
    "noise": "client {} is skipped: its change ",
    "backwards": "client {} is skipped: its change goes back on those of others",
    "histogram": "client {} at node {} claims 1000000000 samples",
    "count": "client {} at node {} reports a weight of 1e+06",
    "claim": "node {} is left out: it claims partition-id",
    "silence": "client {} is skipped: it did not answer in time",
}


@pytest.fixture(scope="module")
def clean() -> float:
    return _run("nothing")[0]


def _run(attack: str) -> tuple[float, AstraeaStrategy]:
    strategy = AstraeaStrategy(fraction_evaluate=0.0)  # as it comes
    start = ArrayRecord([np.zeros((2, 3), np.float32), np.zeros(3, np.float32)])
    result = strategy.start(Attacked(attack), start, ROUNDS, timeout=0.02)
    return _accuracy(result.arrays), strategy


@pytest.mark.parametrize("attack", NAMED)
def test_two_of_ten_cannot_spoil_it(attack: str, clean: float, caplog: pytest.LogCaptureFixture) -> None:
    found, _ = _run(attack)
    assert clean > 0.9
    assert found > clean - 0.03
    for client in HOSTILE:
        node = client + 2
        text = NAMED[attack].format(node) if attack == "claim" else NAMED[attack].format(client, node)
        assert any(text in line for line in caplog.messages), text
