"""The server's side."""

from __future__ import annotations

from flwr.app import ArrayRecord, ConfigRecord, Context
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

from torch_app.task import build

app = ServerApp()
results = []


@app.main()
def main(grid: Grid, context: Context) -> None:
    strategy = FedAvg(fraction_evaluate=0.0)
    result = strategy.start(
        grid,
        ArrayRecord(build().state_dict()),
        num_rounds=2,
        train_config=ConfigRecord({"lr": 0.05}),
    )
    results.append((strategy, result))
