"""Plans of astraea by name: what ``preset`` stands for, instead of five numbers.

Long visits to few clients send fewer models; fewer bits make each model smaller, so that visits may be shorter; many
short visits learn most from as many samples. These make copies of rare classes anew in each epoch, which stores none
and learns more. What each gives for its bytes and its steps is measured in ``docs/results/frontier.md`` and
``docs/results/frontier-small.md``. The papers' own plan is among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from astraea.errors import InputError
from astraea.federation.algorithms import Algorithm, Astraea

__all__ = ["PRESETS", "PresetName", "completed"]

PresetName = Literal["fewest-bytes", "balanced", "most-accurate", "as-published"]


def _plan(clients: int, epochs: int, passes: int, *, capacity: int | None = None, bits: int = 32) -> dict[str, Any]:
    """Return the dotted keys of a plan of a round; without a ``capacity`` one chain takes all clients of it."""
    return {
        "algorithm.clients_per_round": clients,
        "algorithm.capacity": capacity or clients,
        "algorithm.local_epochs": epochs,
        "algorithm.mediator_epochs": passes,
        "algorithm.bits": bits,
    }


def _fresh(lr: float = 0.01) -> dict[str, Any]:
    return {"balance.storage": "on-the-fly", "train.lr": lr}


_PUBLISHED = {
    "balance.rebalancing": "mean-power",
    "balance.storage": "offline",
    "train.loss": "cross-entropy",
    "train.optimizer": "Adam",
    "train.lr": 0.001,
    "train.schedule": "constant",
    "train.decay": "rounds",
}

PRESETS: Mapping[PresetName, Mapping[str, Any]] = {
    "fewest-bytes": _plan(20, 2, 1, bits=4) | _fresh(0.02),
    "balanced": _plan(20, 5, 1) | _fresh(),
    "most-accurate": _plan(50, 1, 2) | _fresh(),
    "as-published": _plan(50, 1, 2, capacity=10) | _PUBLISHED,
}
"""What each sets, by dotted keys: all train 100 client epochs a round, as the papers, but for ``fewest-bytes``, whose
rounds are of 40. ``balanced`` is the default."""

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
    for key, value in preset.items():
        section, _, field = key.partition(".")
        table = tables[section]
        if not isinstance(table, Mapping):
            raise InputError(f"preset and a ready-made '{section}' cannot go together: leave preset out")
        tables[section] = {field: value, **table}
    return {**given, **tables}
