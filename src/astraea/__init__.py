"""Astraea: self-balancing federated learning, with a learned network under it.

A federation in a notebook::

    import astraea

    data = astraea.load_dataset("fashion-mnist")
    scenario = astraea.build_scenario(data, labels="half-normal", clients=100)
    result = astraea.run(scenario=scenario, algorithm={"name": "astraea"}, rounds=20, out="runs/first")
    print(result.summary["accuracy_final"], result.per_class_recall, result.worst_clients)
    model = astraea.load("runs/first")

Names are imported when they are first used, so that ``import astraea`` itself costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from astraea.data.catalogue import load_dataset
    from astraea.data.loaders.arrays import from_arrays
    from astraea.data.scenario import Scenario, build_scenario
    from astraea.errors import AstraeaError
    from astraea.experiment.compare import compare
    from astraea.experiment.comparison import Comparison, load_comparison
    from astraea.experiment.planning import plan
    from astraea.experiment.reached import time_to_accuracy
    from astraea.experiment.result import Result, load, load_result
    from astraea.experiment.run import run
    from astraea.experiment.settings import RunSettings
    from astraea.federation.loop import Callback

__version__ = "0.1.0"

_HOMES = {
    "AstraeaError": "astraea.errors",
    "Callback": "astraea.federation.loop",
    "Comparison": "astraea.experiment.comparison",
    "Result": "astraea.experiment.result",
    "RunSettings": "astraea.experiment.settings",
    "Scenario": "astraea.data.scenario",
    "build_scenario": "astraea.data.scenario",
    "compare": "astraea.experiment.compare",
    "from_arrays": "astraea.data.loaders.arrays",
    "load": "astraea.experiment.result",
    "load_comparison": "astraea.experiment.comparison",
    "load_dataset": "astraea.data.catalogue",
    "load_result": "astraea.experiment.result",
    "plan": "astraea.experiment.planning",
    "run": "astraea.experiment.run",
    "time_to_accuracy": "astraea.experiment.reached",
}

__all__ = [
    "AstraeaError",
    "Callback",
    "Comparison",
    "Result",
    "RunSettings",
    "Scenario",
    "build_scenario",
    "compare",
    "from_arrays",
    "load",
    "load_comparison",
    "load_dataset",
    "load_result",
    "plan",
    "run",
    "time_to_accuracy",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'astraea' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)
