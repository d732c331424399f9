"""What a searched study is: methods, their knobs, budgets and datasets, read from one TOML file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator
from study import HERE, merged

from astraea.errors import InputError
from astraea.experiment.arms import arm_settings
from astraea.experiment.changes import changed
from astraea.experiment.settings import RunSettings, load_toml, parse_settings
from searched.search import Ladder, Point, point

__all__ = ["SHAPE", "Budget", "Method", "Plan", "Rivals", "Setup", "load_plan"]

SHAPE = ("chains", "chain", "epochs", "passes", "bits")
"""Knobs that decide what a round costs: chains side by side, their clients, epochs a visit, passes, bits a weight."""

Positive = Annotated[float, Field(gt=0)]


class Method(BaseModel):
    """A method: an arm, the knobs that are searched, in this order, and where the search begins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arm: str
    title: str = Field("", description="What pictures call it; by default its name.")
    about: str = ""
    rival: bool = Field(False, description="Run after the other methods have been run within all budgets.")
    start: dict[str, float]
    search: tuple[str, ...]


class Budget(BaseModel):
    """Most that a run may spend, as shares of what the reference spends under the same seed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    samples: Positive = 1.0
    bytes: Positive | None = None
    critical_path: Positive | None = None
    seeds: int | None = Field(None, ge=1, description="How many of the study's seeds; all, if not said.")
    methods: tuple[str, ...] = Field((), description="Which methods; all, if none is named.")


class Reference(BaseModel):
    """The run whose cost is the unit of budgets: it goes over the rounds that the dataset's file says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arm: str
    knobs: dict[str, float]


class Rivals(BaseModel):
    """The rivals' own page: its file's name, and the method that they are compared with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page: str
    title: str
    about: str
    beside: str


class Case(BaseModel):
    """A way to divide data among clients. Knobs are searched in the study's first case, and the others begin there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    about: str
    settings: dict[str, Any] = {}
    seeds: int | None = Field(None, ge=1, description="How many of the study's seeds; all, if not said.")


class Plan(BaseModel):
    """A searched study as its file says it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    about: str
    edition: int = Field(
        ge=1, description="Raised whenever what a run depends on changes: scores of other editions are not used."
    )
    datasets: tuple[str, ...]
    titles: dict[str, str] = Field({}, description="What pictures call a dataset; by default its name.")
    search_seed: int
    seeds: tuple[int, ...]
    starts: dict[str, dict[str, float]] = Field(
        {}, description="By what a dataset multiplies knobs where searches begin, as where rates have to be lower."
    )
    again: tuple[str, ...] = Field(
        (), description="Knobs that are searched once more in every other case; the rest is reused."
    )
    evaluations: int = Field(10, ge=1, description="How often a run is measured, its end included.")
    reference: Reference
    cases: dict[str, Case]
    budgets: dict[str, Budget]
    methods: dict[str, Method]
    ladders: dict[str, Ladder]
    keys: dict[str, str] = Field(description="Settings that knobs other than those of the shape stand for.")
    own: dict[str, dict[str, Any]] = {}
    rivals: Rivals | None = None
    recipes: dict[str, str] = Field(
        {}, description="Within each budget, the method that is set against the best rival of every cell."
    )
    contrasts: tuple[tuple[str, str], ...] = Field((), description="Methods whose paired differences are reported.")
    settings: dict[str, Any] = {}
    data: dict[str, dict[str, Any]] = Field({}, description="Datasets that have no file in studies/data.")
    _clients: dict[tuple[str, str], int | None] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _fits_together(self) -> Plan:
        if self.search_seed in self.seeds:
            raise ValueError(f"seed {self.search_seed} is searched with, so it cannot be measured")
        named = [method for budget in self.budgets.values() for method in budget.methods]
        beside = () if self.rivals is None else (self.rivals.beside,)
        recipes = tuple(self.recipes.values())
        for name in (*named, *beside, *recipes, *(method for pair in self.contrasts for method in pair)):
            if name not in self.methods:
                raise ValueError(f"there is no method '{name}'")
        for budget in self.recipes:
            if budget not in self.budgets:
                raise ValueError(f"there is no budget '{budget}'")
        for name, method in self.methods.items():
            for knob in method.search:
                ladder = self.ladders.get(knob)
                if ladder is None or (ladder.factor is None and method.start.get(knob) not in ladder.values):
                    raise ValueError(f"method '{name}' cannot search '{knob}': its start is on no ladder of that name")
        return self

    def start(self, dataset: str, method: str) -> Point:
        """Return where the first search of a method on a dataset begins."""
        factors = self.starts.get(dataset, {})
        return point({knob: value * factors.get(knob, 1) for knob, value in self.methods[method].start.items()})

    def methods_at(self, budget: str) -> tuple[str, ...]:
        """Return the methods that are measured within a budget."""
        return self.budgets[budget].methods or tuple(self.methods)

    def seeds_at(self, case: str, budget: str) -> tuple[int, ...]:
        """Return the seeds that are measured in a case within a budget."""
        return self.seeds[: self.cases[case].seeds][: self.budgets[budget].seeds]

    def clients(self, dataset: str, arm: str) -> int | None:
        """Return how many clients an arm has in the study's first case; ``None`` where its data say who is a client."""
        if (dataset, arm) not in self._clients:
            whole = Setup(dataset, next(iter(self.cases)), arm, (), self.search_seed).settings(self)
            self._clients[dataset, arm] = whole.scenario.clients
        return self._clients[dataset, arm]


@dataclass(frozen=True)
class Setup:
    """What is run but for its length: everything that a score depends on beside the edition."""

    dataset: str
    case: str
    arm: str
    knobs: Point
    seed: int

    def settings(self, plan: Plan, rounds: int | None = None, device: str = "cpu") -> RunSettings:
        """Return the settings of a run over ``rounds``, or over those of the dataset's file, on a device of torch's."""
        file = plan.data.get(self.dataset) or load_toml(HERE / "data" / f"{self.dataset}.toml")
        base = merged(merged(load_toml(HERE / "base.toml"), file), plan.settings)
        base = merged(base, plan.cases[self.case].settings)
        base["evaluation"].pop("early_stopping", None)  # the model that is judged is the last one
        base["seed"] = self.seed
        if rounds is not None:
            base["rounds"] = rounds
        base["evaluation"]["every"] = -(-base["rounds"] // plan.evaluations)
        arm = arm_settings(base, self.arm, plan.own)
        changes = self._changes(plan, arm.algorithm.name) | {"engine.device": device}
        return parse_settings(changed(arm.model_dump(exclude_none=True), changes), f"{self.arm}, {dict(self.knobs)}")

    def _changes(self, plan: Plan, algorithm: str) -> dict[str, Any]:
        knobs = dict(self.knobs)
        chain = knobs.pop("chain", 1)
        found = {
            "algorithm.clients_per_round": knobs.pop("chains", 1) * chain,
            "algorithm.local_epochs": knobs.pop("epochs", 1),
        }
        passes = knobs.pop("passes", 1)
        if algorithm == "astraea":
            found |= {"algorithm.capacity": chain, "algorithm.mediator_epochs": passes}
        elif (chain, passes) != (1, 1):
            raise InputError(f"arm '{self.arm}' has no chains: its knobs 'chain' and 'passes' are 1")
        for knob, value in knobs.items():
            if knob not in plan.keys:
                raise InputError(f"knob '{knob}' stands for no setting: name it under [keys]")
            found[plan.keys[knob]] = value
        return found


def load_plan(path: Path) -> Plan:
    """Return the study in a file. Raises :class:`InputError` if it is wrong."""
    try:
        return Plan.model_validate(load_toml(path))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{path}: '{'.'.join(map(str, first['loc']))}': {first['msg']}") from error
