"""The client's side: it moves every number of the model a little."""

from __future__ import annotations

import numpy as np
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Return the model after a step of its own."""
    rng = np.random.default_rng(int(context.node_config["partition-id"]))
    arrays = message.content.array_records["arrays"].to_numpy_ndarrays()
    model = [array + rng.standard_normal(array.shape, dtype=np.float32) for array in arrays]
    return Message(
        RecordDict({"arrays": ArrayRecord(model), "metrics": MetricRecord({"num-examples": 1})}), reply_to=message
    )
