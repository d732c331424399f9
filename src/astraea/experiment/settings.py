"""A run's settings: one typed model, read from TOML, changed by ``key=value``, written back resolved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import BaseModel, Field, field_validator

from astraea.balance.privacy import PrivacySettings
from astraea.balance.settings import BalanceSettings
from astraea.data.loaders import Digits, Loader
from astraea.data.scenario import ScenarioSettings
from astraea.errors import InputError
from astraea.experiment import presets
from astraea.experiment.engines import EngineSettings, Serial
from astraea.experiment.given import GivenSettings
from astraea.experiment.presets import PresetName
from astraea.federation.algorithms import Algorithm, Astraea
from astraea.federation.attacks import AttackSettings
from astraea.federation.availability import AvailabilitySettings
from astraea.federation.metrics import Metric
from astraea.federation.models import AutoModel, Model
from astraea.federation.server import ServerSettings
from astraea.federation.settings import TrainingSettings
from astraea.network.choice import NetworkSettings
from astraea.parts import Part, Settings
from astraea.parts.validation import validated
from astraea.reading import read_toml

__all__ = [
    "EXAMPLE",
    "EvaluationSettings",
    "OutputSettings",
    "RunSettings",
    "dump_toml",
    "flattened",
    "load_toml",
    "parse_settings",
    "resolved",
]

EXAMPLE = Path(__file__).parent / "examples" / "digits.toml"
"""The settings of a run without any: data that needs no download, under a minute on two cores."""


class EvaluationSettings(Settings):
    """When the model is measured, and on what choices may rest."""

    every: int = Field(1, ge=1, description="Rounds between two evaluations; the last round is always evaluated.")
    validation: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of each class's training samples held out for validation; rates and stopping rounds "
        "are chosen on them, never on the test set.",
    )
    early_stopping: int | None = Field(
        None,
        ge=1,
        description="Evaluations without a better validation balanced accuracy after which the run ends; its "
        "result is then the best model. Needs evaluation.validation above 0.",
    )
    metrics: tuple[Metric, ...] = Field(
        (),
        description="Further metrics of every evaluation, over all test samples and over those of each client that has "
        f"some: {', '.join(Metric.registered())}, or a function of your own.",
    )


class OutputSettings(Settings):
    """What a run writes into its folder beside metrics, summary and model."""

    checkpoint_every: int = Field(10, ge=1, description="Rounds between two checkpoints.")
    frozen: bool | None = Field(
        None,
        description="Whether model.safetensors holds weights that are not trained too; by default it does, but for a "
        "model from Python with ten times as many of them as trained ones: of that it holds the adapter alone.",
    )
    trackers: tuple[Literal["tensorboard", "mlflow", "wandb", "trackio"], ...] = Field(
        (), description="Where every number of a round goes besides metrics.jsonl: tensorboard, mlflow, wandb, trackio."
    )

    @classmethod
    def renewed(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return ``given`` in today's spelling: TensorBoard was a switch of its own."""
        if given.pop("tensorboard", False) is True:
            given["trackers"] = sorted({*given.get("trackers", ()), "tensorboard"})
        return super().renewed(given)


class RunSettings(Settings):
    """Everything that decides a run: the same settings give the same model."""

    seed: int = Field(0, ge=0, description="The one seed of every random decision.")
    rounds: int = Field(60, ge=1, description="Rounds of training.")
    preset: PresetName | None = Field(
        None,
        description="A plan of astraea by name, for what the configuration leaves open of algorithm, train and "
        "balance: fewest-bytes, balanced (the default), most-accurate, or as-published, which is the papers'.",
    )
    samples: int | None = Field(
        None,
        ge=1,
        description="Budget instead of rounds: the run ends with the round in which this many samples are "
        "processed, and learning-rate schedules run over it.",
    )
    prolonged: tuple[int, ...] = Field(
        (),
        description="Lengths that the run had before --prolong, which writes them; schedules up to each run over it.",
    )
    given: GivenSettings = Field(default_factory=GivenSettings, description="What came from Python; not to be set.")
    data: Loader = Field(default_factory=Digits, description="Which dataset.")
    scenario: ScenarioSettings = Field(default_factory=ScenarioSettings, description="Who holds what of it.")
    model: Model = Field(
        default_factory=AutoModel,
        description="What is trained; also the import path of an nn.Module, package.module:Name, whose arguments are "
        "model.options (shape and classes are passed by themselves where it takes them).",
    )
    balance: BalanceSettings = Field(default_factory=BalanceSettings, description="Rebalancing of rare classes.")
    algorithm: Algorithm = Field(default_factory=Astraea, description="Who trains in a round, and in which order.")
    train: TrainingSettings = Field(default_factory=TrainingSettings, description="Local training.")
    server: ServerSettings = Field(
        default_factory=ServerSettings, description="What the server makes of a round's models."
    )
    availability: AvailabilitySettings = Field(
        default_factory=AvailabilitySettings, description="Which clients answer."
    )
    privacy: PrivacySettings = Field(
        default_factory=PrivacySettings, description="What the server is told of its clients' data."
    )
    attacks: AttackSettings = Field(
        default_factory=AttackSettings, description="Hostile clients, for research on defences."
    )
    network: NetworkSettings = Field(
        default_factory=NetworkSettings, description="On which network rounds are timed; its name stands for it."
    )
    engine: EngineSettings = Field(default_factory=Serial, description="Where rounds are executed.")
    evaluation: EvaluationSettings = Field(default_factory=EvaluationSettings, description="When to measure.")
    output: OutputSettings = Field(default_factory=OutputSettings, description="What is written.")

    @field_validator("network", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @classmethod
    def completed(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Fill in what the named preset stands for."""
        return presets.completed(given)

    @classmethod
    def renewed(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Read the earlier spelling of ``availability.dropout``."""
        engine = given.get("engine")
        if isinstance(engine, Mapping) and "dropout" in engine:
            given["engine"] = {key: value for key, value in engine.items() if key != "dropout"}
            given["availability"] = {"dropout": engine["dropout"], **given.get("availability", {})}
        return given


def parse_settings(
    values: Mapping[str, Any], source: str = "settings", *, trust: bool = False, validates: bool = False
) -> RunSettings:
    """Return the settings that ``values``, nested as in TOML, describe; what is not given has its default.

    Code that they name by import path is imported with ``trust`` alone. ``validates`` says that validation samples
    are brought in Python. Raises :class:`InputError` with one sentence for the first value that cannot be used.
    """
    settings = validated(RunSettings, values, source, trust=trust)
    own = validates or settings.given.data is not None or getattr(settings.data, "validates", False)
    if settings.evaluation.early_stopping is not None and settings.evaluation.validation == 0 and not own:
        raise InputError(
            f"{source}: evaluation.early_stopping needs validation samples: set evaluation.validation, such as 0.1"
        )
    return settings


def load_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file. Raises :class:`InputError` if it is missing or not TOML."""
    try:
        return read_toml(path)
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror}): give the path of a TOML file") from error
    except ValueError as error:
        raise InputError(f"{path} is not TOML: {error}") from error


def resolved(settings: RunSettings) -> RunSettings:
    """Return the settings with everything decided that is left open and does not depend on the data."""
    recipe = settings.algorithm.recipe
    balance = settings.balance.decided(recipe.rebalancing, defended=settings.server.defended)
    train = settings.train.decided(recipe.loss, recipe.lr, recipe.decay)
    scenario = settings.scenario.by_site(getattr(settings.data, "site_column", None))
    decided = {"scenario": scenario, "balance": balance, "train": train, "network": settings.network.decided()}
    return settings.model_copy(update=decided)


def dump_toml(settings: RunSettings) -> str:
    """Return the settings as TOML that reads back as they are; comments say what was left open came to."""
    values: dict[str, Any] = settings.model_dump(mode="json", exclude_none=True, context={"full": True})
    before, after = flattened(settings), flattened(resolved(settings))
    notes = []
    for key in (key for key, value in before.items() if value == "auto" and after[key] != "auto"):
        own = [f"{name.removeprefix(key)[1:]} {value}" for name, value in after.items() if name.startswith(f"{key}.")]
        notes.append(f"# {key} = auto came to {', '.join([after[key], *own])}\n")
    notes += [
        f"# {key} was left open and came to {after[key]}\n"
        for key in ("train.lr", "train.decay")
        if before[key] is None
    ]
    return "".join(notes) + tomli_w.dumps(values)


def flattened(settings: BaseModel, prefix: str = "") -> dict[str, Any]:
    """Return every value under its dotted key, such as ``{"train.lr": 0.05}``."""
    result: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, Part):
            result[f"{prefix}{name}"] = value.called()
        if isinstance(value, BaseModel):
            result |= flattened(value, f"{prefix}{name}.")
        else:
            result[f"{prefix}{name}"] = value
    return result
