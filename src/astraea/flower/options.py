"""What a strategy is told, from settings or keyword arguments, and what follows from it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from flwr.serverapp.strategy import FedAvg
from numpy.typing import NDArray

from astraea.balance.bounds import bounded_copies
from astraea.balance.privacy import PrivacySettings
from astraea.balance.rebalancing import rebalancing_of_held
from astraea.balance.settings import BalanceSettings
from astraea.errors import InputError, unknown_name
from astraea.federation.algorithms import Algorithm
from astraea.federation.algorithms.astraea import Astraea
from astraea.federation.defences import Direction, Finite
from astraea.federation.rules import LocalRule
from astraea.federation.server import Server, ServerSettings
from astraea.federation.settings import TrainingSettings
from astraea.flower.accounting import Accounting
from astraea.flower.arrays import Layout
from astraea.flower.messages import Copying
from astraea.network.choice import NetworkSettings
from astraea.parts.validation import from_options

__all__ = ["Options", "flower_options"]

Section = TypeVar("Section", BalanceSettings, TrainingSettings, ServerSettings, PrivacySettings, NetworkSettings)

_LONGEST = 5  # clients of a chain whose length the settings leave open
_FITTING: dict[str, Any] = {"mediator_epochs": 1, "returns": "mean"}  # of chains, as far as the settings leave it open

# Nodes are other people's machines, so chains come guarded: studies/flower_defaults.py says what that costs and holds.
# A bound of 10, which every other defence has, is too wide for ten clients whose first rounds are in grace.
_MOST_SAMPLES = 3.0
_DEFENCE = Direction(multiple=3.0, grace=3, spare_large=True, first=0.25, longer=12.0)

_RENAMED = {
    "fraction_fit": "fraction_train",
    "min_fit_clients": "min_train_nodes",
    "min_evaluate_clients": "min_evaluate_nodes",
    "min_available_clients": "min_available_nodes",
    "fit_metrics_aggregation_fn": "train_metrics_aggr_fn",
    "evaluate_metrics_aggregation_fn": "evaluate_metrics_aggr_fn",
    "on_fit_config_fn": "start(train_config=...)",
    "on_evaluate_config_fn": "start(evaluate_config=...)",
    "evaluate_fn": "start(evaluate_fn=...)",
    "initial_parameters": "start(initial_arrays=...)",
}
"""What the strategies of Flower's old interface called what the new ones take."""


@dataclass(frozen=True)
class Options:
    """The settings of a strategy; ``unasked`` says that its defence is what it comes with, not the user's choice.

    ``accounting`` times its rounds, if they are to be timed.
    """

    algorithm: Algorithm
    balance: BalanceSettings
    train: TrainingSettings
    seed: int
    server: ServerSettings
    privacy: PrivacySettings
    unasked: bool = False
    accounting: Accounting | None = None

    @classmethod
    def of(
        cls,
        algorithm: str | Algorithm | Mapping[str, Any] | None,
        balance: BalanceSettings | Mapping[str, Any] | None,
        train: TrainingSettings | Mapping[str, Any] | None,
        seed: int,
        server: ServerSettings | Mapping[str, Any] | None = None,
        privacy: PrivacySettings | Mapping[str, Any] | None = None,
        network: NetworkSettings | Mapping[str, Any] | str | Path | None = None,
    ) -> Options:
        """Return the options that sections describe, each given as settings, as keyword arguments or not at all.

        Raises :class:`InputError` for what is unknown, and for what a strategy cannot ask of every ClientApp.
        """
        chosen = Algorithm.of(algorithm or {})
        counts, after = _section(BalanceSettings, balance, "balance"), _section(ServerSettings, server, "server")
        chains = isinstance(chosen, Astraea)
        if chains and counts.most_samples is None:
            counts = counts.model_copy(update={"most_samples": _MOST_SAMPLES})
        if "storage" not in counts.model_fields_set:
            counts = counts.model_copy(update={"storage": "offline"})
        if chains and "local_epochs" not in chosen.model_fields_set:
            chosen = chosen.model_copy(update={"local_epochs": 1})
        unasked = chains and "defence" not in after.model_fields_set
        if unasked:
            after = after.model_copy(update={"defence": _DEFENCE})
        options = cls(
            chosen,
            counts.decided(chosen.recipe.rebalancing, defended=after.defended),
            _section(TrainingSettings, train, "train").decided(chosen.recipe.loss, decay=chosen.recipe.decay),
            seed,
            after,
            _section(PrivacySettings, privacy, "privacy"),
            unasked,
            Accounting.of(
                _section(
                    NetworkSettings, {"name": str(network)} if isinstance(network, str | Path) else network, "network"
                )
            ),
        )
        sampling = options.balance.sampling
        if sampling != "all":
            raise InputError(
                f"balance.sampling '{sampling}' changes how a client draws its batches, which a strategy "
                "cannot ask of every ClientApp: use balance.rebalancing, or 'astraea run --engine flower'"
            )
        if options.server.average or options.server.realign is not None:
            raise InputError(
                "server.average and server.realign make a model to use beside the one that is trained, and Flower has "
                "one: use 'astraea run --engine flower' for them"
            )
        if options.rule.shared(torch.zeros(0)):
            raise InputError(
                f"train.rule '{options.rule.name}' hands state on beside the model, which a ClientApp does not expect: "
                "use 'astraea run --engine flower' for it"
            )
        if options.train.personal or options.train.freeze_statistics:
            key = "personal" if options.train.personal else "freeze_statistics"
            raise InputError(
                f"train.{key} is for clients to do, and a strategy cannot ask it of every ClientApp: let yours leave "
                "the arrays of batch normalisation out of its replies, or use 'astraea run' for other layers"
            )
        return options

    def undefended(self) -> Options:
        """Return the options without the defence and the mean of a chain's models, unless the user asked for them."""
        options = self
        if isinstance(self.algorithm, Astraea) and "returns" not in self.algorithm.model_fields_set:
            options = replace(options, algorithm=self.algorithm.model_copy(update={"returns": "last"}))
        if not self.unasked:
            return options
        return replace(options, server=self.server.model_copy(update={"defence": Finite()}), unasked=False)

    @property
    def rule(self) -> LocalRule:
        """What clients do in a visit, as far as the server must know."""
        return self.train.local_rule()

    @property
    def reads_histograms(self) -> bool:
        """Whether anything in a round depends on the clients' label histograms."""
        return self.algorithm.reads_histograms or self.balance.changes_samples or self.rule.needs_prior

    @property
    def asks_clients(self) -> bool:
        """Whether nodes are asked before they train: for their histograms, or whether they take models in few bits."""
        return self.reads_histograms or self.algorithm.bits != 32

    def copying(self, counts: NDArray[np.int64]) -> Copying | None:
        """Return what clients are to do about class counts ``(N,)`` of all of them, ``None`` for nothing."""
        if not self.balance.changes_samples:
            return None
        change = bounded_copies(rebalancing_of_held(counts, self.balance.rebalancing), self.balance.most_copies)
        return Copying(
            copies=tuple(change.copies.tolist()),
            keep=tuple(change.keep.tolist()),
            on_the_fly=self.balance.storage == "on-the-fly",
            transform_all=self.balance.transformed == "all",
            transforms=self.balance.transforms,
        )

    def make_algorithm(self, wanted: int, layout: Layout) -> Algorithm:
        """Return the algorithm for a model of ``layout``.

        ``wanted`` clients take part in a round unless the settings say how many. Chains whose length the settings leave
        open have up to five clients, are two at least, so that models are averaged, and are passed once: on Flower
        each visit costs a message, one after the other. They return the mean of their models: nobody knows how far a
        visit of a user's ClientApp goes, and after one that goes far the last model has forgotten the clients before.
        Raises :class:`InputError` for a server optimiser, or few bits, that would change running statistics.
        """
        settings, given = self.algorithm, self.algorithm.model_fields_set
        if "clients_per_round" not in given:
            settings = settings.model_copy(update={"clients_per_round": wanted})
        if isinstance(settings, Astraea):
            capacity = max(1, min(_LONGEST, -(-settings.clients_per_round // 2)))
            fitting = {"capacity": capacity} | _FITTING
            settings = settings.model_copy(update={key: fitting[key] for key in fitting.keys() - given})
        whole = settings.bits == 32
        weights = None if whole and self.server.optimizer.keeps_average else layout.weights
        server = Server(self.server, weights, None if whole else layout.in_few_bits)
        return settings.bound(self.train, self.rule, server)

    @property
    def told(self) -> str:
        """The algorithm as the log has it, with what the number of nodes decides."""
        fitting: dict[str, Any] = {"clients_per_round": "as fraction_train says"}
        if isinstance(self.algorithm, Astraea):
            fitting |= {"capacity": f"up to {_LONGEST}"} | _FITTING
        fitting = {name: value for name, value in fitting.items() if name not in self.algorithm.model_fields_set}
        values = {name: getattr(self.algorithm, name) for name in type(self.algorithm).model_fields}
        texts = (
            f"{name}={value if isinstance(value, str) else repr(value)}" for name, value in (values | fitting).items()
        )
        return f"{self.algorithm.name}: {' '.join(texts)}"

    def as_json(self) -> dict[str, Any]:
        """Return the options as JSON has them: two runs with the same ones are the same run."""
        return {
            "seed": self.seed,
            "algorithm": self.algorithm.model_dump(mode="json"),
            "balance": self.balance.model_dump(mode="json"),
            "train": self.train.model_dump(mode="json"),
            "server": self.server.model_dump(mode="json"),
            "privacy": self.privacy.model_dump(mode="json"),
            "network": None if self.accounting is None else self.accounting.settings.model_dump(mode="json"),
        }


def _section(kind: type[Section], given: Section | Mapping[str, Any] | None, name: str) -> Section:
    return from_options(kind, given or {}, name) if given is None or isinstance(given, Mapping) else given


def flower_options(positional: Sequence[Any], named: Mapping[str, Any], own: Sequence[str]) -> dict[str, Any]:
    """Return by name what a strategy was given for Flower's FedAvg; ``own`` are the names of its further options.

    Raises :class:`InputError` for a name that nobody takes, and for one of Flower's old interface.
    """
    known = list(inspect.signature(FedAvg.__init__).parameters)[1:]
    for name in named:
        if name in _RENAMED:
            raise InputError(f"'{name}' belongs to Flower's old interface: give {_RENAMED[name]} instead")
        if name not in known:
            raise unknown_name("strategy option", name, [*own, *known])
    given = dict(zip(known, positional, strict=False))
    twice = sorted(given.keys() & named.keys())
    if len(positional) > len(known) or twice:
        what = f"'{twice[0]}' is given twice" if twice else f"{len(positional)} values are given by place"
        raise InputError(f"{what}: AstraeaStrategy takes {', '.join(known)} by place, as FedAvg does")
    return {**given, **named}
