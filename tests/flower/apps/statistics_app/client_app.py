"""The client's side: what it sends does not depend on what it gets, but for the loss that it reports."""

from __future__ import annotations

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from statistics_app.task import load_data, loss, sums

app = ClientApp()


def own(context: Context) -> tuple:
    return load_data(context.node_config["partition-id"], context.node_config["num-partitions"])


@app.train()
def train(message: Message, context: Context) -> Message:
    x, y = own(context)
    seen = loss(message.content["arrays"].to_numpy_ndarrays(), x, y)
    metrics = MetricRecord({"train_loss": seen, "num-examples": len(y)})
    return Message(RecordDict({"sums": ArrayRecord(sums(x, y)), "metrics": metrics}), reply_to=message)
