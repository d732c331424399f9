"""The client's side: its metrics have a name of their own, and count a sample once an epoch."""

from __future__ import annotations

from typing import Any

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from tabular_app.task import build, load_data
from tabular_app.task import train as train_model

app = ClientApp()


def own(context: Context) -> dict[str, Any]:
    return load_data(context.node_config["partition-id"], context.node_config["num-partitions"])


@app.train()
def train(message: Message, context: Context) -> Message:
    model, table = build(), own(context)
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    loss = train_model(model, table, message.content["config"]["lr"], epochs=4)
    metrics = MetricRecord({"train_loss": loss, "num-examples": 4 * len(table["label"])})
    content = {"model": ArrayRecord(model.state_dict()), "train_metrics": metrics}
    return Message(RecordDict(content), reply_to=message)
