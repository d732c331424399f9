"""Points of the frontier by name: what ``preset`` stands for, instead of five numbers.

Long visits to few clients send fewer models; fewer bits make each model smaller; many short visits learn most from as
many samples. All make copies of rare classes anew in each epoch, which stores none and learns more. What each gives for
its bytes and its steps is measured in ``docs/results/frontier.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

from astraea.errors import InputError
from astraea.federation.algorithms import Algorithm, Astraea

__all__ = ["PRESETS", "Preset", "PresetName", "completed"]

PresetName = Literal["fewest-bytes", "balanced", "most-accurate"]


class Preset(NamedTuple):
    """What distinguishes a point: its plan of a round, and the learning rate that goes with it."""

    clients_per_round: int
    local_epochs: int
    mediator_epochs: int
    bits: int
    lr: float

    @property
    def changes(self) -> dict[str, Any]:
        """The preset as dotted keys of the settings. One chain takes all clients of a round."""
        plan = {"capacity": self.clients_per_round, **self._asdict()}
        rate = plan.pop("lr")
        others = {"train.lr": rate, "balance.storage": "on-the-fly"}
        return {f"algorithm.{key}": value for key, value in plan.items()} | others


PRESETS: Mapping[PresetName, Preset] = {
    "fewest-bytes": Preset(clients_per_round=20, local_epochs=5, mediator_epochs=1, bits=8, lr=0.01),
    "balanced": Preset(clients_per_round=20, local_epochs=5, mediator_epochs=1, bits=32, lr=0.01),
    "most-accurate": Preset(clients_per_round=50, local_epochs=1, mediator_epochs=2, bits=32, lr=0.01),
}
"""From fewest to most bytes. All three train 100 client epochs a round, as the papers do."""

assert tuple(PRESETS) == get_args(PresetName)


def completed(given: dict[str, Any]) -> dict[str, Any]:
    """Return the tables of a run with what its ``preset`` stands for, wherever they say nothing themselves.

    Raises :class:`InputError` if the preset is given to another algorithm than ``astraea``.
    """
    preset = PRESETS.get(given.get("preset", ""))
    if preset is None:
        return given
    algorithm = Algorithm.table(given.get("algorithm", {}))
    name = algorithm["name"] if isinstance(algorithm["name"], str) else algorithm["name"].name
    if name.lower() != Astraea.name:
        raise InputError(f"preset = '{given['preset']}' is a plan of astraea, not of '{name}': leave preset out")
    tables = {"algorithm": algorithm, "train": given.get("train", {}), "balance": given.get("balance", {})}
    for key, value in preset.changes.items():
        section, _, field = key.partition(".")
        table = tables[section]
        if not isinstance(table, Mapping):
            raise InputError(f"preset and a ready-made '{section}' cannot go together: leave preset out")
        tables[section] = {field: value, **table}
    return {**given, **tables}
