"""The app that runs at the server."""

from __future__ import annotations

import torch
from flwr.app import ArrayRecord, Context, MetricRecord
from flwr.serverapp import Grid, ServerApp

from astraea.federation.evaluation import evaluate
from astraea.flower import AstraeaStrategy, initial_arrays
from flower_app.task import CLASSES, build_model, load_test

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Train with Astraea, and measure the model after every round."""
    config, test = context.run_config, load_test(context)

    def measure(round_: int, arrays: ArrayRecord) -> MetricRecord:
        model = build_model()
        model.load_state_dict(arrays.to_torch_state_dict())
        measured = evaluate(model.eval(), test, CLASSES)
        return MetricRecord({"accuracy": measured.accuracy, "balanced-accuracy": measured.balanced_accuracy})

    strategy = AstraeaStrategy(
        algorithm={"capacity": config["capacity"], "mediator_epochs": config["mediator-epochs"]},
        train={"lr": config["lr"]},
        seed=int(config["seed"]),
        checkpoint=str(config["checkpoint"]) or None,
        prolong=bool(config["prolong"]),
        min_available_nodes=int(config["wait-for"]) or int(config["clients"]),
        fraction_evaluate=0.0,
    )
    torch.manual_seed(int(config["seed"]))
    strategy.start(
        grid,
        initial_arrays(build_model()),
        num_rounds=int(config["num-server-rounds"]),
        timeout=float(config["timeout"]),
        evaluate_fn=measure,
    )
