"""The client's side: lists of arrays without names."""

from __future__ import annotations

from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.clientapp.mod import LocalDpMod, arrays_size_mod, message_size_mod
from flwr.clientapp.typing import ClientAppCallable

from mods_app.task import load_data, loss_and_step


def counting(message: Message, context: Context, call_next: ClientAppCallable) -> Message:
    """Count the messages of each kind, and read the round."""
    counts = context.state.setdefault("counts", ConfigRecord())
    kind = message.metadata.message_type
    counts[kind] = counts.get(kind, 0) + message.content["config"]["server-round"]
    return call_next(message, context)


app = ClientApp(mods=[counting, message_size_mod])


def own(context: Context) -> tuple:
    return load_data(context.node_config["partition-id"], context.node_config["num-partitions"])


@app.train(mods=[LocalDpMod(5.0, 1e-4, 1.0, 1e-2), arrays_size_mod])
def train(message: Message, context: Context) -> Message:
    model, (x, y) = message.content["arrays"].to_numpy_ndarrays(), own(context)
    for _ in range(5):
        _, model = loss_and_step(model, x, y, message.content["config"]["lr"])
    loss, _ = loss_and_step(model, x, y, 0.0)
    seen = context.state["counts"]["train"]
    metrics = MetricRecord({"train_loss": loss, "num-examples": len(y), "seen": seen})
    return Message(RecordDict({"arrays": ArrayRecord(model), "metrics": metrics}), reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    loss, _ = loss_and_step(message.content["arrays"].to_numpy_ndarrays(), *own(context), 0.0)
    metrics = MetricRecord({"loss": loss, "num-examples": len(own(context)[1])})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)
