"""Arms of a comparison: the base settings under several algorithms, each at the same client epochs a round.

An arm is the name of an algorithm, and after it any number of variations: ``astraea+logit-adjusted+fedprox``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from astraea.balance.losses import Loss
from astraea.balance.mediators import MediatorRule
from astraea.balance.participation import Participation
from astraea.balance.rebalancing import RebalancingRule
from astraea.errors import InputError, unknown_name
from astraea.experiment.changes import changed
from astraea.experiment.presets import PRESETS
from astraea.experiment.settings import RunSettings, parse_settings
from astraea.federation.algorithms import Algorithm, Astraea
from astraea.federation.defences import Defence
from astraea.federation.rules import LocalRule
from astraea.federation.server import Aggregator, ServerOptimizer
from astraea.federation.settings import USUAL_RATE
from astraea.parts import Part

__all__ = ["ARMS", "VARIATIONS", "Shape", "arm_settings", "variations"]

_FEDAVG_EPOCHS = 5  # the papers' E for FedAvg; a comparison's own [arms] override it

Changes = dict[str, Any]


class Shape(NamedTuple):
    """What arms keep of the base: client ``epochs`` of one round, and what its chains are.

    These have mediators of so much ``capacity``, ``local`` epochs of a visit and so many ``passes``. ``lr`` is the
    base's rate, or that of an arm without chains if it says none.
    """

    epochs: int
    capacity: int
    local: int
    passes: int
    lr: float = USUAL_RATE


def _fedavg(shape: Shape, local_epochs: int = _FEDAVG_EPOCHS) -> Changes:
    local = min(local_epochs, shape.epochs)
    return {
        "algorithm.name": "fedavg",
        "algorithm.clients_per_round": max(1, round(shape.epochs / local)),
        "algorithm.local_epochs": local,
    }


def _astraea(shape: Shape) -> Changes:
    return {
        "algorithm.name": "astraea",
        "algorithm.clients_per_round": _clients(shape),
        "algorithm.local_epochs": shape.local,
        "algorithm.mediator_epochs": shape.passes,
    }


def _clients(shape: Shape) -> int:
    return max(1, round(shape.epochs / (shape.local * shape.passes)))


def _critical_path(shape: Shape) -> int:
    """Return the client epochs that a mediator's chain takes one after another."""
    return min(shape.capacity, _clients(shape)) * shape.local * shape.passes


_PLAIN_LOSS = {"train.loss": "cross-entropy"}
_PLAIN = {"balance.rebalancing": "none"} | _PLAIN_LOSS
_ALONE = {"algorithm.name": "astraea", "algorithm.mediators": "none", "algorithm.mediator_epochs": 1} | _PLAIN_LOSS
_RANDOM = {"algorithm.mediators": "random"}
_POOLED = {
    "algorithm.name": "fedavg",
    "algorithm.clients_per_round": 1,
    "algorithm.local_epochs": 1,
    "scenario.clients": 1,
    "scenario.skew": "random",
    "scenario.sizes": "even",
}

ARMS: dict[str, Callable[[Shape], Changes]] = {
    "fedavg": lambda shape: _fedavg(shape) | _PLAIN,
    "fedavg-critical-path": lambda shape: _fedavg(shape, _critical_path(shape)) | _PLAIN,
    "augmentation": lambda shape: _fedavg(shape) | _ALONE | {"train.lr": shape.lr},
    "random-mediators": lambda shape: _astraea(shape) | _PLAIN | _RANDOM,
    "mediators": lambda shape: _astraea(shape) | _PLAIN,
    "one-chain": lambda shape: _astraea(shape) | _PLAIN | _RANDOM | {"algorithm.capacity": _clients(shape)},
    "pooled": lambda shape: _POOLED | _PLAIN,
    "astraea": lambda shape: _astraea(shape),
}
"""Built-in arms: from what they keep of the base to the settings that they change."""

VARIATIONS: dict[str, Changes] = {
    **{
        name: {"train.loss": name}
        for name, loss in Loss.registered().items()
        if name != "auto" and not loss.regression and not loss.several
    },
    "fedprox": {"train.rule": "fedprox"},
    "scaffold": {"train.rule": "scaffold"},
    "class-centred": {"train.rule": "class-centred"},
    "self-distilled": {"train.rule": "self-distilled"},
    "fednova": {"server.aggregation": "fednova"},
    "fedavgm": {"server.optimizer": "momentum"},
    "fedadam": {"server.optimizer": "adam"},
    "averaged": {"server.average": 0.9},
    "realigned": {"server.realign": 1.7},
    "copies": {"balance.rebalancing": "mean-power"},
    "class-balanced": {"balance.sampling": "class-balanced"},
    "on-the-fly": {"balance.storage": "on-the-fly"},
    "stored": {"balance.storage": "offline"},
    "transformed": {"balance.transformed": "all"},
    "rare-first": {"algorithm.participation": "rare-first"},
    "shuffled": {"algorithm.order": "shuffled"},
    "fixed-classifier": {"model.head": "etf"},
    "falling-rate": {"train.decay": "visits"},
    "rate-by-round": {"train.decay": "rounds"},
    "8-bit": {"algorithm.bits": 8},
    "4-bit": {"algorithm.bits": 4},
    **{name: dict(preset) for name, preset in PRESETS.items()},
    "balanced-data": {"scenario.labels": "balanced"},
    "papers-optimizer": {"train.optimizer": "Adam", "train.lr": 0.001, "train.schedule": "constant"},
}
"""What may follow an arm's name after a plus sign, and the settings that it changes."""


_OWN: dict[type[Part], str] = {
    Loss: "train.loss",
    LocalRule: "train.rule",
    Aggregator: "server.aggregation",
    ServerOptimizer: "server.optimizer",
    Defence: "server.defence",
    Participation: "algorithm.participation",
    MediatorRule: "algorithm.mediators",
    RebalancingRule: "balance.rebalancing",
}
"""Kinds of parts of which one's own may follow an arm's name, and the settings that they are of."""


def arm_settings(
    base: Mapping[str, Any],
    name: str,
    own: Mapping[str, Mapping[str, Any]],
    source: str = "settings",
    *,
    trust: bool = False,
    validates: bool = False,
) -> RunSettings:
    """Return the settings of arm ``name``, which is ``ARM`` or ``ARM+VARIATION+...``.

    ``base`` are the settings' tables; ``own`` the configuration's ``[arms.NAME]``, whose keys are dotted keys of
    the settings, or tables, and ``from``, the arm to begin from: without it an arm begins from the base.
    ``source``, ``trust`` and ``validates`` are as for :func:`parse_settings`. A name that is not among them is a
    built-in arm, or a further algorithm. Raises :class:`InputError` for an unknown name or a change that cannot be
    made.
    """
    if base.get("preset") is not None:
        raise InputError(f"arms take a preset by their names: write --arms astraea+{base['preset']}, and no preset")

    def shape() -> Shape:  # of built-in arms alone: the base by itself need be no run where others make it one
        return _shape(parse_settings(base, source, trust=trust, validates=validates))

    changes = _changes(name, own, shape, ())
    return parse_settings(changed(base, changes), f"{source}: arm '{name}'", trust=trust, validates=validates)


def variations() -> Mapping[str, Changes]:
    """Return what may follow an arm's name: :data:`VARIATIONS`, and parts of one's own by their names."""
    brought = {
        name: {key: name}
        for kind, key in _OWN.items()
        for name, part in kind.known().items()
        if not part.__module__.startswith("astraea.")
    }
    return {**brought, **VARIATIONS}


def _changes(
    name: str, own: Mapping[str, Mapping[str, Any]], shape: Callable[[], Shape], after: tuple[str, ...]
) -> Changes:
    """Return what an arm changes; ``after`` are the arms that begin from it."""
    arm, *varied = name.split("+")
    if name in own or arm in own:
        changes = _own(name if name in own else arm, own, shape, after)
        varied = [] if name in own else varied
    elif arm in ARMS:
        changes = ARMS[arm](shape())
    elif arm in Algorithm.known():  # one that a package or a script has brought
        changes = {"algorithm.name": arm}
    else:
        raise unknown_name("arm", arm, [*ARMS, *own, *Algorithm.known()])
    known = variations() if varied else {}
    for variation in varied:
        if variation not in known:
            raise unknown_name("variation of an arm", variation, known)
        if variation in PRESETS and changes.get("algorithm.name", Astraea.name) != Astraea.name:
            raise InputError(f"arm '{name}': '{variation}' is a plan of astraea: write astraea+{variation}")
        changes |= known[variation]
    return changes


def _own(
    name: str, own: Mapping[str, Mapping[str, Any]], shape: Callable[[], Shape], after: tuple[str, ...]
) -> Changes:
    """Return what an arm of the configuration changes, beginning from the arm that its ``from`` names."""
    changes = dict(_dotted(own[name]))
    begin = changes.pop("from", None)
    if begin is None:
        return changes
    if not isinstance(begin, str):
        raise InputError(f"arm '{name}': from is the name of an arm, such as \"fedavg\", not {begin!r}")
    if begin in (name, *after):
        raise InputError(f"arm '{name}' begins from itself: let its from name another arm")
    return _changes(begin, own, shape, (name, *after)) | changes


def _shape(base: RunSettings) -> Shape:
    algorithm, usual = base.algorithm, Astraea()
    epochs = algorithm.clients_per_round * algorithm.local_epochs * algorithm.passes
    lr = USUAL_RATE if base.train.lr is None else base.train.lr
    if isinstance(algorithm, Astraea):
        return Shape(epochs, algorithm.capacity, algorithm.local_epochs, algorithm.passes, lr)
    return Shape(epochs, usual.capacity, min(usual.local_epochs, epochs), usual.passes, lr)


def _dotted(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        if isinstance(value, Mapping):
            found += _dotted(value, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", value))
    return found
