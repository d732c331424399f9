"""Arms of a comparison: the base settings under several algorithms, each at the same client epochs a round."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from astraea.errors import unknown_name
from astraea.experiment.settings import RunSettings, changed, parse_settings

__all__ = ["ARMS", "arm_settings"]

_FEDAVG_EPOCHS = 5  # the papers' E for FedAvg; a comparison's own [arms] override it


def _fedavg(epochs: int) -> dict[str, Any]:
    local = min(_FEDAVG_EPOCHS, epochs)
    return {
        "algorithm.name": "fedavg",
        "algorithm.clients_per_round": max(1, round(epochs / local)),
        "algorithm.local_epochs": local,
    }


def _astraea(epochs: int, **fixed: Any) -> dict[str, Any]:
    return {
        "algorithm.name": "astraea",
        "algorithm.clients_per_round": max(1, round(epochs / 2)),
        "algorithm.local_epochs": 1,
        "algorithm.mediator_epochs": 2,
    } | fixed


ARMS: dict[str, Callable[[int], dict[str, Any]]] = {
    "fedavg": lambda epochs: _fedavg(epochs) | {"balance.rebalancing": "none"},
    "augmentation": lambda epochs: (
        _fedavg(epochs) | {"algorithm.name": "astraea", "algorithm.mediators": "none", "algorithm.mediator_epochs": 1}
    ),
    "astraea": lambda epochs: _astraea(epochs),
    "mediators": lambda epochs: _astraea(epochs, **{"balance.rebalancing": "none"}),
    "random-mediators": lambda epochs: _astraea(
        epochs, **{"balance.rebalancing": "none", "algorithm.mediators": "random"}
    ),
    "astraea-rare-first": lambda epochs: _astraea(epochs, **{"algorithm.participation.rule": "rare-first"}),
}
"""Built-in arms: from the client epochs of one round to the settings that they change."""


def arm_settings(base: Mapping[str, Any], name: str, own: Mapping[str, Mapping[str, Any]]) -> RunSettings:
    """Return the settings of arm ``name``.

    ``base`` are the settings' tables; ``own`` the configuration's ``[arms.NAME]``, whose keys are dotted keys of
    the settings, or tables. A name that is not among them is a built-in arm. Raises :class:`InputError` for an
    unknown name or a change that cannot be made.
    """
    if name in own:
        changes = dict(_dotted(own[name]))
    elif name in ARMS:
        settings = parse_settings(base).algorithm
        passes = getattr(settings, "mediator_epochs", 1)
        changes = ARMS[name](settings.clients_per_round * settings.local_epochs * passes)
    else:
        raise unknown_name("arm", name, [*ARMS, *own])
    return parse_settings(changed(base, changes), f"arm '{name}'")


def _dotted(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            found += _dotted(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", value))
    return found
