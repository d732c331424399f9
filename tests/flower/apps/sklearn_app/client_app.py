"""The client's side."""

from __future__ import annotations

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from sklearn_app.task import fit, load_data

app = ClientApp()


def own(context: Context) -> tuple:
    return load_data(context.node_config["partition-id"], context.node_config["num-partitions"])


@app.train()
def train(message: Message, context: Context) -> Message:
    loss, arrays = fit(message.content["arrays"].to_numpy_ndarrays(), *own(context), message.content["config"]["lr"])
    metrics = MetricRecord({"train_loss": loss, "num-examples": 2})  # batches of 20
    return Message(RecordDict({"arrays": ArrayRecord(arrays), "metrics": metrics}), reply_to=message)
