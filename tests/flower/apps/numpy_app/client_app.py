"""The client's side: lists of arrays without names."""

from __future__ import annotations

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from numpy_app.task import load_data, loss_and_step

app = ClientApp()


def own(context: Context) -> tuple:
    return load_data(context.node_config["partition-id"], context.node_config["num-partitions"])


@app.train()
def train(message: Message, context: Context) -> Message:
    model, (x, y) = message.content["arrays"].to_numpy_ndarrays(), own(context)
    for _ in range(5):
        _, model = loss_and_step(model, x, y, message.content["config"]["lr"])
    loss, _ = loss_and_step(model, x, y, 0.0)
    metrics = MetricRecord({"train_loss": loss, "num-examples": len(y)})
    return Message(RecordDict({"arrays": ArrayRecord(model), "metrics": metrics}), reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    loss, _ = loss_and_step(message.content["arrays"].to_numpy_ndarrays(), *own(context), 0.0)
    metrics = MetricRecord({"loss": loss, "num-examples": len(own(context)[1])})
    return Message(RecordDict({"metrics": metrics}), reply_to=message)
