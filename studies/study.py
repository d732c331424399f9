"""What a study is: datasets, cases and arms, read from one TOML file and taken apart into comparisons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from astraea.errors import InputError, unknown_name
from astraea.experiment.arms import arm_settings
from astraea.experiment.changes import changed
from astraea.experiment.settings import RunSettings, load_toml

__all__ = ["HERE", "NAMES", "Case", "Part", "Study", "load_study", "merged", "parts"]

HERE = Path(__file__).parent
NAMES = ("ablation", "headline", "skew", "imbalance", "cost", "sweeps", "peers", "unseen")
"""The studies, in the order in which they are worth their time."""

SMOKE: dict[str, Any] = {
    "rounds": 2,
    "scenario.samples": 1400,
    "scenario.min_per_class": 4,
    "scenario.clients": 20,
    "scenario.test": "balanced",
    "scenario.test_per_class": 10,
    "algorithm.clients_per_round": 8,
    "algorithm.capacity": 4,
}
"""Sizes at which a study ends in minutes: to see that it runs, not what it finds."""


class Sweep(BaseModel):
    """Arms that are one arm at different values of some keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arm: str
    keys: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]

    def arms(self) -> dict[str, dict[str, Any]]:
        """Return the changes of each arm, by a name that says them."""
        found = {}
        for values in self.values:
            name = " ".join(f"{key.rpartition('.')[2]}={value:g}" for key, value in zip(self.keys, values, strict=True))
            whole = [int(value) if value == int(value) else value for value in values]
            found[name] = dict(zip(self.keys, whole, strict=True))
        return found


class Case(BaseModel):
    """One comparison for each dataset; what it does not say is the study's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str = ""
    settings: dict[str, Any] = {}
    arms: tuple[str, ...] = ()
    sweep: Sweep | None = None
    rates: tuple[float, ...] | None = None
    schedules: tuple[str, ...] | None = None
    samples_share: float = Field(1.0, gt=0, le=1, description="Share of the dataset's samples that are used.")


class Study(BaseModel):
    """A study as its file says it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    about: str
    datasets: tuple[str, ...]
    seeds: int = Field(3, ge=1)
    arms: tuple[str, ...] = ()
    rates: tuple[float, ...] = ()
    schedules: tuple[str, ...] = ()
    cases: dict[str, Case]
    own: dict[str, dict[str, Any]] = {}
    share: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field(
        {}, description="Share of a dataset's samples, and of its rounds, that this study uses; all, if not named."
    )
    rounds: dict[str, Annotated[int, Field(ge=1)]] = Field(
        {}, description="Rounds on a dataset, where the share of its own would end before anything is learned."
    )
    contrasts: dict[str, tuple[str, str] | tuple[str, str, str, str]] = Field(
        {},
        description="What the page tells first. Of two arms: final accuracy of one less the other's, paired by seed; "
        "of four: the share of the third's lead over the fourth that the first does not have over the second.",
    )
    picture: Literal["accuracy", "traffic"] = "accuracy"
    plateau: tuple[str, ...] = Field(
        ("fedavg",), description="Arms of which the one that ends highest sets the plateau whose traffic is asked for."
    )


@dataclass(frozen=True)
class Part:
    """One comparison of a study: its arms' settings, and the rates and schedules to choose from."""

    dataset: str
    case: str
    arms: Mapping[str, RunSettings]
    rates: Sequence[float]
    schedules: Sequence[str]

    def runs(self, seeds: int) -> int:
        """Return how many runs it takes: the best candidate's is the first seed's."""
        candidates = max(1, len(self.rates)) + max(0, len(self.schedules) - 1)
        return len(self.arms) * (candidates + seeds - 1)


def load_study(name: str) -> Study:
    """Return the study called ``name``. Raises :class:`InputError` if there is none or its file is wrong."""
    if name not in NAMES:
        raise unknown_name("study", name, NAMES)
    path = HERE / f"{name}.toml"
    try:
        return Study.model_validate(load_toml(path))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path}: '{'.'.join(map(str, first['loc']))}': {first['msg']}") from error


def parts(
    study: Study, datasets: Sequence[str] = (), *, smoke: bool = False, more: Mapping[str, Any] | None = None
) -> Iterator[Part]:
    """Yield the comparisons of ``study``, for ``datasets`` in place of its own if any are given.

    ``more`` are changes to every arm, as dotted keys; ``smoke`` changes sizes, and nothing else.
    """
    for dataset in datasets or study.datasets:
        tables = merged(load_toml(HERE / "base.toml"), load_toml(HERE / "data" / f"{dataset}.toml"))
        for name, case in study.cases.items():
            base = merged(tables, case.settings)
            share = study.share.get(dataset, 1.0)
            base["rounds"] = study.rounds.get(dataset, round(base["rounds"] * share))
            if "samples" in base["scenario"]:
                base["scenario"]["samples"] = round(base["scenario"]["samples"] * share * case.samples_share)
            base = changed(base, {**(SMOKE if smoke else {}), **(more or {})})
            yield Part(
                dataset,
                name,
                _arms(study, case, base),
                study.rates if case.rates is None else case.rates,
                study.schedules if case.schedules is None else case.schedules,
            )


def _arms(study: Study, case: Case, base: dict[str, Any]) -> dict[str, RunSettings]:
    arms = {name: arm_settings(base, name, study.own) for name in case.arms or study.arms}
    if case.sweep is not None:
        middle = arm_settings(base, case.sweep.arm, study.own).model_dump(exclude_none=True)
        found = case.sweep.arms()
        arms |= {name: arm_settings(middle, name, found) for name in found}
    return arms


def merged(tables: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``tables`` with the values of ``others``, table by table."""
    result = {key: merged(value, {}) if isinstance(value, Mapping) else value for key, value in tables.items()}
    for key, value in others.items():
        if isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result
