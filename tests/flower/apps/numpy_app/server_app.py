"""The server's side."""

from __future__ import annotations

from flwr.app import ArrayRecord, ConfigRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from numpy_app.task import initial

app = ServerApp()
results = []


@app.main()
def main(grid: Grid, context: Context) -> None:
    strategy = FedAvg(fraction_train=1.0, min_available_nodes=4)
    result = strategy.start(grid, ArrayRecord(initial()), num_rounds=2, train_config=ConfigRecord({"lr": 0.1}))
    results.append((strategy, result))
