"""The server's side: FedAvg as Flower ships it, and the time at which each round ended."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
from flwr.app import ArrayRecord, Context, MetricRecord
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Train, and write down when rounds ended."""
    config = context.run_config
    ends: list[float] = []

    def note(_round: int, _arrays: ArrayRecord) -> MetricRecord:
        ends.append(time.time())
        return MetricRecord({"rounds": len(ends)})

    strategy = FedAvg(fraction_train=1.0, fraction_evaluate=0.0, min_available_nodes=int(config["clients"]))
    model = ArrayRecord([np.zeros(int(config["numbers"]), np.float32)])
    strategy.start(grid, model, num_rounds=int(config["num-server-rounds"]), evaluate_fn=note)
    Path(str(config["out"])).write_text(json.dumps(ends), encoding="utf-8")
