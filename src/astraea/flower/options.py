"""What a strategy is told, from settings or keyword arguments, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from astraea.balance.rebalancing import rebalancing_of_held
from astraea.balance.settings import BalanceSettings
from astraea.errors import InputError
from astraea.federation.algorithms import Algorithm
from astraea.federation.rules import LocalRule
from astraea.federation.settings import TrainingSettings
from astraea.flower.messages import Copying
from astraea.parts.validation import from_options

__all__ = ["Options"]

Section = TypeVar("Section", BalanceSettings, TrainingSettings)


@dataclass(frozen=True)
class Options:
    """The settings of a strategy."""

    algorithm: Algorithm
    balance: BalanceSettings
    train: TrainingSettings
    seed: int

    @classmethod
    def of(
        cls,
        algorithm: str | Algorithm | Mapping[str, Any] | None,
        balance: BalanceSettings | Mapping[str, Any] | None,
        train: TrainingSettings | Mapping[str, Any] | None,
        seed: int,
    ) -> Options:
        """Return the options that sections describe, each given as settings, as keyword arguments or not at all.

        Raises :class:`InputError` for what is unknown, and for what a strategy cannot ask of every ClientApp.
        """
        chosen = Algorithm.of(algorithm or {})
        options = cls(
            chosen,
            _section(BalanceSettings, balance, "balance").decided(chosen.recipe.rebalancing),
            _section(TrainingSettings, train, "train").decided(chosen.recipe.loss),
            seed,
        )
        sampling = options.balance.sampling
        if sampling != "all":
            raise InputError(
                f"balance.sampling '{sampling}' changes how a client draws its batches, which a strategy "
                "cannot ask of every ClientApp: use balance.rebalancing, or 'astraea run --engine flower'"
            )
        if options.rule.shared(torch.zeros(0)):
            raise InputError(
                f"train.rule '{options.rule.name}' hands state on beside the model, which a ClientApp does not expect: "
                "use 'astraea run --engine flower' for it"
            )
        if options.algorithm.bits != 32:
            raise InputError(
                f"algorithm.bits = {options.algorithm.bits} needs clients that pack and unpack models, which a "
                "strategy cannot ask of every ClientApp: use 'astraea run --engine flower' for it"
            )
        return options

    @property
    def rule(self) -> LocalRule:
        """What clients do in a visit, as far as the server must know."""
        return self.train.local_rule()

    @property
    def reads_histograms(self) -> bool:
        """Whether anything in a round depends on the clients' label histograms."""
        return self.algorithm.reads_histograms or self.balance.changes_samples or self.rule.needs_prior

    def copying(self, counts: NDArray[np.int64]) -> Copying | None:
        """Return what clients are to do about class counts ``(N,)`` of all of them, ``None`` for nothing."""
        if not self.balance.changes_samples:
            return None
        change = rebalancing_of_held(counts, self.balance.rebalancing)
        return Copying(
            copies=tuple(change.copies.tolist()),
            keep=tuple(change.keep.tolist()),
            on_the_fly=self.balance.storage == "on-the-fly",
            transform_all=self.balance.transformed == "all",
            transforms=self.balance.transforms,
        )

    def make_algorithm(self, wanted: int) -> Algorithm:
        """Return the algorithm; ``wanted`` clients take part in a round unless the settings say how many."""
        settings = self.algorithm
        if "clients_per_round" not in settings.model_fields_set:
            settings = settings.model_copy(update={"clients_per_round": wanted})
        return settings.bound(self.train, self.rule)

    def as_json(self) -> dict[str, Any]:
        """Return the options as JSON has them: two runs with the same ones are the same run."""
        return {
            "seed": self.seed,
            "algorithm": self.algorithm.model_dump(mode="json"),
            "balance": self.balance.model_dump(mode="json"),
            "train": self.train.model_dump(mode="json"),
        }


def _section(kind: type[Section], given: Section | Mapping[str, Any] | None, name: str) -> Section:
    return from_options(kind, given or {}, name) if given is None or isinstance(given, Mapping) else given
