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

from astraea.lazy import lazy_names

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_names(__name__)
