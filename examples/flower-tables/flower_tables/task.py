"""What is learned, and from what: each node reads the CSV file that its operator names in the node's configuration.

For tables of your own change ``TERMS``, and the model if you like; nothing else knows of them.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from flwr.app import Context
from pandas import DataFrame
from safetensors.torch import load_file
from torch import nn

from astraea.data.inputs import Inputs
from astraea.data.tables import read_table
from astraea.errors import InputError
from astraea.flower.tables import TableTerms

TERMS = TableTerms(label_column="outcome", leave_out=("patient",), codes=("ward",), missing="mean", least_rows=5)
TEST_SHARE = 0.2  # of each node's rows, on which the node measures the model


def build_model(inputs: Inputs) -> nn.Module:
    """Return a small multilayer perceptron for the features and classes that were agreed."""
    (features,) = inputs.form.shape
    return nn.Sequential(nn.Linear(features, 32), nn.ReLU(), nn.Linear(32, len(inputs.reader.class_names)))


def load_table(context: Context) -> DataFrame:
    """Return the rows of the node that ``context`` belongs to: flower-supernode --node-config 'data-path="..."'."""
    given = context.node_config.get("data-path")
    if given is None and (tried := str(context.run_config["try-path"])):
        given = tried.format(context.node_config["partition-id"])
    if given is None:
        raise InputError("this node does not know its file: start flower-supernode with --node-config 'data-path=...'")
    path = Path(str(given))
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _read(path: Path, _changed: int) -> DataFrame:
    return read_table(path)


def predict(folder: Path, rows: Any) -> Any:
    """Return the class of each of ``rows``, a data frame or a file, by the model that a run left in ``folder``."""
    inputs = Inputs.model_validate_json((folder / "inputs.json").read_text(encoding="utf-8"))
    model = build_model(inputs)
    model.load_state_dict(load_file(folder / "model.safetensors"))
    with torch.inference_mode():
        outputs = model.eval()(torch.from_numpy(inputs.prepare(rows)))
    return inputs.answers(outputs.numpy())
