"""The client's side."""

from __future__ import annotations

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from text_app.task import Reader, fit, load_data

app = ClientApp()


def own(context: Context) -> tuple:
    return load_data(context.node_config["partition-id"], context.node_config["num-partitions"])


@app.train()
def train(message: Message, context: Context) -> Message:
    model = Reader()
    model.load_state_dict(message.content["arrays"].to_torch_state_dict())
    words, labels = own(context)
    loss = fit(model, words, labels, message.content["config"]["server-round"])
    metrics = MetricRecord({"train_loss": loss, "num-examples": len(labels)})
    return Message(RecordDict({"arrays": ArrayRecord(model.state_dict()), "metrics": metrics}), reply_to=message)
