"""The server's side: each round's accuracy on texts of its own."""

from __future__ import annotations

import torch
from flwr.app import ArrayRecord, Context, MetricRecord
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from text_app.task import Reader, accuracy

app = ServerApp()
results = []


@app.main()
def main(grid: Grid, context: Context) -> None:
    torch.manual_seed(0)
    strategy = FedAvg(min_available_nodes=4, fraction_evaluate=0.0)
    result = strategy.start(
        grid,
        ArrayRecord(Reader().state_dict()),
        num_rounds=int(context.run_config.get("num-server-rounds", 2)),
        evaluate_fn=lambda server_round, arrays: MetricRecord({"accuracy": accuracy(arrays.to_torch_state_dict())}),
    )
    results.append((strategy, result))
