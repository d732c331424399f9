"""FedAvg with a loop that keeps the best round, a rate that falls, and a model that is pruned."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg
from flwr.serverapp.strategy.result import Result


class Own(FedAvg):
    rates: list[float]
    best: tuple[float, int]

    def configure_train(self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid) -> Any:
        config["lr"] = 0.1 / server_round
        self.rates.append(config["lr"])
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(self, server_round: int, replies: Iterable[Message]) -> Any:
        arrays, metrics = super().aggregate_train(server_round, replies)
        pruned = {name: Array(np.where(abs(a.numpy()) < 1e-3, 0.0, a.numpy())) for name, a in arrays.items()}
        return ArrayRecord(pruned), metrics

    def start(
        self,
        grid: Grid,
        initial_arrays: ArrayRecord,
        num_rounds: int = 3,
        timeout: float = 3600,
        train_config: ConfigRecord | None = None,
        evaluate_config: ConfigRecord | None = None,
        evaluate_fn: Any = None,
    ) -> Result:
        result, arrays = Result(), initial_arrays
        self.rates, self.best = [], (float("inf"), 0)
        for current in range(1, num_rounds + 1):
            replies = grid.send_and_receive(
                messages=self.configure_train(current, arrays, train_config or ConfigRecord(), grid), timeout=timeout
            )
            arrays, metrics = self.aggregate_train(current, replies)
            result.train_metrics_clientapp[current] = metrics
            result.arrays = arrays
            replies = grid.send_and_receive(
                messages=self.configure_evaluate(current, arrays, ConfigRecord(), grid), timeout=timeout
            )
            measured = self.aggregate_evaluate(current, replies)
            self.best = min(self.best, (measured["loss"], current))
        return result
