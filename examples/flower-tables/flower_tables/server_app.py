"""The app that runs at the server."""

from __future__ import annotations

import logging
from pathlib import Path

import torch
from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from astraea.files import write_tensors
from astraea.flower import AstraeaStrategy, initial_arrays
from astraea.flower.tables import agree_on_table, as_config
from flower_tables.task import TERMS, build_model

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Have the nodes agree on one input form, train with Astraea, and write the model beside the form."""
    config, out = context.run_config, Path(str(context.run_config["out"])).resolve()
    nodes = int(config["wait-for"])
    inputs = agree_on_table(grid, TERMS, nodes=nodes, kept=out / "inputs.json")
    strategy = AstraeaStrategy(
        algorithm={"capacity": config["capacity"], "mediator_epochs": config["mediator-epochs"]},
        train={"lr": config["lr"]},
        seed=int(config["seed"]),
        checkpoint=out / "checkpoint",
        prolong=bool(config["prolong"]),
        min_available_nodes=nodes,
        fraction_evaluate=1.0,
    )
    torch.manual_seed(int(config["seed"]))
    result = strategy.start(
        grid,
        initial_arrays(build_model(inputs)),
        num_rounds=int(config["num-server-rounds"]),
        timeout=float(config["timeout"]),
        train_config=as_config(inputs),
        evaluate_config=as_config(inputs),
    )
    write_tensors(out / "model.safetensors", result.arrays.to_torch_state_dict())
    logging.getLogger("flwr").info("the model and its input form are in %s", out)
