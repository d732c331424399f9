"""What a strategy is told, from settings or keyword arguments, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from astraea.balance.rebalancing import rebalancing, rule_parameters
from astraea.balance.settings import BalanceSettings
from astraea.errors import InputError, unknown_name
from astraea.federation.algorithms import ALGORITHMS, Algorithm, AlgorithmSettings, make_algorithm
from astraea.federation.rule import LocalRule
from astraea.federation.rules import Facts, make_rule
from astraea.federation.settings import TrainingSettings
from astraea.flower.messages import Copying
from astraea.parts import from_options

__all__ = ["Options"]

Section = TypeVar("Section", BalanceSettings, TrainingSettings)


@dataclass(frozen=True)
class Options:
    """The settings of a strategy."""

    algorithm: AlgorithmSettings
    balance: BalanceSettings
    train: TrainingSettings
    seed: int

    @classmethod
    def of(
        cls,
        algorithm: AlgorithmSettings | Mapping[str, Any] | None,
        balance: BalanceSettings | Mapping[str, Any] | None,
        train: TrainingSettings | Mapping[str, Any] | None,
        seed: int,
    ) -> Options:
        """Return the options that sections describe, each given as settings, as keyword arguments or not at all.

        Raises :class:`InputError` for what is unknown, and for what a strategy cannot ask of every ClientApp.
        """
        chosen = _algorithm(algorithm)
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
        if options.train.rule == "scaffold":
            raise InputError(
                "train.rule 'scaffold' hands control variates on beside the model, which a ClientApp does not expect: "
                "use 'astraea run --engine flower' for it"
            )
        return options

    @property
    def rule(self) -> LocalRule:
        """What clients do in a visit, as far as the server must know."""
        return make_rule(self.train, Facts(weights=0, samples=0))

    @property
    def reads_histograms(self) -> bool:
        """Whether anything in a round depends on the clients' label histograms."""
        return (
            getattr(self.algorithm, "mediators", "none") in ("kl", "kl-approximate")
            or self.algorithm.participation.rule != "uniform"
            or self.balance.changes_samples
            or self.rule.uses_prior
        )

    def copying(self, counts: NDArray[np.int64]) -> Copying | None:
        """Return what clients are to do about class counts ``(N,)`` of all of them, ``None`` for nothing."""
        if not self.balance.changes_samples:
            return None
        parameters = {name: getattr(self.balance, name) for name in rule_parameters(self.balance.rebalancing)}
        change = rebalancing(counts, self.balance.rebalancing, **parameters)
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
        return make_algorithm(settings, self.train, self.rule)

    def as_json(self) -> dict[str, Any]:
        """Return the options as JSON has them: two runs with the same ones are the same run."""
        return {
            "seed": self.seed,
            "algorithm": self.algorithm.model_dump(mode="json"),
            "balance": self.balance.model_dump(mode="json"),
            "train": self.train.model_dump(mode="json"),
        }


def _algorithm(given: AlgorithmSettings | Mapping[str, Any] | None) -> AlgorithmSettings:
    if isinstance(given, AlgorithmSettings):
        return given
    options = dict(given or {})
    kinds = {str(kind.model_fields["name"].default): kind for kind in ALGORITHMS}
    name = options.get("name", "astraea")
    if name not in kinds:
        raise unknown_name("algorithm", str(name), kinds)
    return from_options(kinds[name], options, "algorithm")


def _section(kind: type[Section], given: Section | Mapping[str, Any] | None, name: str) -> Section:
    return from_options(kind, given or {}, name) if given is None or isinstance(given, Mapping) else given
