"""The client's side."""

from __future__ import annotations

from typing import Any

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from torch_app.task import build, load_data
from torch_app.task import train as train_model

app = ClientApp()


def own_data(context: Context) -> Any:
    return load_data(context.node_config["partition-id"], context.node_config["num-partitions"])


@app.train()
def train(message: Message, context: Context) -> Message:
    model, loader = build(), own_data(context)
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    loss = train_model(model, loader, message.content["config"]["lr"])
    metrics = MetricRecord({"train_loss": loss, "num-examples": len(loader.dataset)})
    return Message(RecordDict({"arrays": ArrayRecord(model.state_dict()), "metrics": metrics}), reply_to=message)
