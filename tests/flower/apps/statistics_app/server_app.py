"""The server's side."""

from __future__ import annotations

from flwr.app import ArrayRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from statistics_app.task import initial

app = ServerApp()
results = []


@app.main()
def main(grid: Grid, context: Context) -> None:
    strategy = FedAvg(min_available_nodes=4, fraction_evaluate=0.0)
    result = strategy.start(grid, ArrayRecord(initial()), num_rounds=2)
    results.append((strategy, result))
