"""One small federation, once as settings of a local run and once as a Flower app."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from torch import nn

from astraea.data.dataset import Samples
from astraea.experiment.prepare import Experiment, prepare
from astraea.experiment.settings import parse_settings
from astraea.federation.loop import Run, train
from astraea.federation.models import build_model

if TYPE_CHECKING:  # without the extra, each test file skips
    from flwr.app import Context
    from flwr.clientapp import ClientApp

    from astraea.flower import AstraeaStrategy, InProcessGrid

SETTINGS: dict[str, Any] = {
    "seed": 3,
    "rounds": 2,
    "data": {"name": "digits"},
    "scenario": {"clients": 5, "labels": "half-normal"},
    "algorithm": {
        "name": "astraea",
        "clients_per_round": 5,
        "capacity": 2,
        "local_epochs": 1,
        "mediator_epochs": 2,
        "returns": "mean",
    },
    "model": {"name": "mlp"},
    "train": {"lr": 0.1, "batch_size": 20},
    "balance": {"most_samples": 3.0, "storage": "offline"},
    "server": {
        "defence": {
            "name": "direction",
            "multiple": 3.0,
            "grace": 3,
            "spare_large": True,
            "first": 0.25,
            "longer": 12.0,
        }
    },  # as chains on Flower come
}


@dataclass
class Federation:
    """The same federation for the local loop and for Flower; ``build`` makes a model of one's own."""

    experiment: Experiment
    build: Callable[[], nn.Module] | None = None

    @property
    def settings(self) -> Any:
        return self.experiment.settings

    def samples(self, context: Context) -> Samples:
        rows = self.experiment.scenario.clients[int(context.node_config["partition-id"])]
        return self.experiment.scenario.train.take(rows)

    def model(self) -> nn.Module:
        if self.build is not None:
            return self.build()
        shape, classes = self.experiment.scenario.train.x.shape[1:], self.experiment.classes
        return build_model(self.settings.model, shape, classes, self.settings.seed)

    def app(self, **options: Any) -> ClientApp:
        from astraea.flower import client_app

        data = options.pop("data", self.samples)
        cut = self.experiment.scenario.regression
        return client_app(self.model, data, self.experiment.classes, regression=cut, **options)

    def strategy(self, **options: Any) -> AstraeaStrategy:
        from astraea.flower import AstraeaStrategy

        settings = self.settings
        names = ("algorithm", "balance", "train", *(["server"] if settings.algorithm.name != "astraea" else []))
        given = {name: getattr(settings, name) for name in names}
        kind = options.pop("kind", AstraeaStrategy)
        made: AstraeaStrategy = kind(**{**given, "seed": settings.seed, "fraction_evaluate": 0.0, **options})
        return made

    def grid(self, app: ClientApp | None = None) -> InProcessGrid:
        from astraea.flower import InProcessGrid

        return InProcessGrid(app or self.app(), len(self.experiment.population))

    def start(self, strategy: AstraeaStrategy, grid: Any = None, rounds: int | None = None, **options: Any) -> Any:
        from astraea.flower import initial_arrays

        arrays = initial_arrays(self.model())
        return strategy.start(grid or self.grid(), arrays, rounds or self.settings.rounds, **options)

    def locally(self, **options: Any) -> Run:
        """Train with the local loop and the serial engine."""
        one = self.experiment
        population = options.pop("population", one.population)
        start = Run(one.algorithm.init(*one.model.read()))
        return train(start, one.algorithm, one.engine, population, one.budget, seed=one.settings.seed, **options)


@pytest.fixture
def federation() -> Callable[..., Federation]:
    """A function that makes a federation, with sections of the settings changed, or of own data and an own model."""

    def make(dataset: Any = None, build: Any = None, **changes: Any) -> Federation:
        values = {
            key: {**value, **changes.get(key, {})} if isinstance(value, dict) else changes.get(key, value)
            for key, value in {**SETTINGS, **{key: {} for key in changes if key not in SETTINGS}}.items()
        }
        return Federation(prepare(parse_settings(values), dataset=dataset, model=build), build)

    return make


@pytest.fixture(autouse=True)
def flower_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Let Flower's log, which keeps to itself, reach ``caplog``."""
    logger = logging.getLogger("flwr")
    before = logger.propagate
    logger.propagate = True
    with caplog.at_level(logging.INFO, logger="flwr"):
        yield
    logger.propagate = before
