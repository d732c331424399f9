"""From settings to the parts of a run: scenario, clients, model, algorithm, engine, evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from astraea.balance.bounds import bounded_copies, bounded_counts
from astraea.balance.losses import AutoLoss, BinaryCrossEntropy, SquaredError
from astraea.balance.privacy import Plain, Told
from astraea.balance.rebalancing import Rebalancing, rebalancing_of_held
from astraea.balance.sampling import balanced_histogram
from astraea.data.catalogue import load_dataset
from astraea.data.dataset import Dataset, Samples
from astraea.data.scenario import Scenario, build_scenario
from astraea.engines.devices import chosen_here, server_device
from astraea.errors import InputError
from astraea.experiment.engines import make_engine
from astraea.experiment.settings import RunSettings, resolved
from astraea.experiment.simulation import Simulation, simulation_of
from astraea.federation.algorithms import Algorithm
from astraea.federation.attacks import Adversary
from astraea.federation.attacks.base import adversary_of
from astraea.federation.availability import available
from astraea.federation.clients import Population
from astraea.federation.evaluation import Evaluation, evaluate, tail_recall
from astraea.federation.loop import Budget, Engine, Kept
from astraea.federation.metrics import measured
from astraea.federation.models import build_model
from astraea.federation.own_models import copied
from astraea.federation.personal import personal_of
from astraea.federation.personal_evaluation import evaluate_clients
from astraea.federation.round import Metrics
from astraea.federation.server import make_server
from astraea.federation.statistics import freeze_statistics
from astraea.federation.vector import VectorModel
from astraea.files import plain
from astraea.seeding import Purpose, stream

__all__ = ["Experiment", "prepare"]


@dataclass
class Experiment:
    """The parts of one run. ``model`` measures; the engine trains a copy of its own."""

    settings: RunSettings
    scenario: Scenario
    rebalancing: Rebalancing
    population: Population
    model: VectorModel
    algorithm: Algorithm
    engine: Engine
    budget: Budget
    simulation: Simulation | None = None
    adversary: Adversary | None = None
    told: Told | None = None

    @property
    def outputs(self) -> int:
        """Number of outputs of the model: one for each class, or one in a regression."""
        return 1 if self.scenario.regression is not None else self.scenario.outputs or self.classes

    @property
    def classes(self) -> int:
        """Number of classes N."""
        return len(self.scenario.class_names)

    @property
    def said(self) -> NDArray[np.int64]:
        """What clients say that they hold, shape ``(K, N)``, before the server makes anything of it."""
        held = self.scenario.histograms
        return held if self.adversary is None else self.adversary.told(held)

    def evaluate(self, params: Tensor, counters: Tensor, kept: Kept = MappingProxyType({})) -> Metrics:
        """Return the metrics of a model on the test samples, and on the validation samples if there are any.

        ``kept`` is what clients keep, whose own models are measured where they have some.
        """
        on_test = self.predict(params, counters, kept)
        metrics: Metrics = {
            "accuracy": on_test.accuracy,
            "balanced_accuracy": on_test.balanced_accuracy,
            "tail_recall": tail_recall(on_test, self.scenario.global_counts),
            "test_loss": on_test.loss,
            **on_test.regression,
            **self.measured(on_test),
        }
        target = None if self.adversary is None else self.adversary.target(self.scenario)
        if target is not None:
            found = self._on(target.samples, params, counters, kept)
            wanted = target.wanted if found.answers is None else target.wanted[found.answers.rows]
            metrics["attack_success"] = float(np.mean(found.predictions == wanted))
        if self.scenario.validation is not None:
            held_out = self._on(self.scenario.validation, params, counters, kept)
            metrics["validation_accuracy"] = held_out.accuracy
            metrics["validation_balanced_accuracy"] = held_out.balanced_accuracy
        return metrics

    def predict(self, params: Tensor, counters: Tensor, kept: Kept = MappingProxyType({})) -> Evaluation:
        """Return predictions on the test samples: a model's, or where clients keep layers, those of their own ones."""
        scores = bool(self.settings.evaluation.metrics)
        return self._on(self.scenario.test, params, counters, kept, self.scenario.test_clients, keep_scores=scores)

    def _on(
        self,
        samples: Samples,
        params: Tensor,
        counters: Tensor,
        kept: Kept,
        owners: NDArray[np.int64] | None = None,
        *,
        keep_scores: bool = False,
    ) -> Evaluation:
        def measure(params: Tensor, counters: Tensor, samples: Samples) -> Evaluation:
            with self.model.holding(params, counters) as module:
                return evaluate(
                    module, samples, self.classes, regression=self.scenario.regression, keep_scores=keep_scores
                )

        personal, clients = self.algorithm.personal, len(self.scenario.clients)
        if personal is None:
            return measure(params, counters, samples)
        return evaluate_clients(personal, (params, counters), kept, clients, samples, owners, measure)

    def measured(self, on_test: Evaluation) -> Metrics:
        """Return the further metrics that the settings name; what is undefined is ``None``."""
        metrics, scenario = self.settings.evaluation.metrics, self.scenario
        if not metrics:
            return {}
        owners = scenario.test_clients if on_test.answers is None else on_test.answers.clients
        found: Metrics = plain(measured(metrics, on_test.predicted, owners, len(scenario.clients)))
        return found

    def available(self, round_: int) -> NDArray[np.bool_]:
        """Return which clients would answer an invitation in a round, shape ``(K,)``."""
        return available(self.settings.availability, len(self.population), self.settings.seed, round_)


def prepare(
    settings: RunSettings,
    *,
    dataset: Dataset | None = None,
    scenario: Scenario | None = None,
    model: Callable[..., nn.Module] | None = None,
) -> Experiment:
    """Build every part of a run; nothing is trained yet. What is left open stays so in the experiment's settings.

    ``dataset`` or ``scenario`` take the place of what the settings would load or build, and ``model``, a class or
    function that makes one, that of the named model. Raises the errors of the parts, one sentence each.
    """
    settings = settings.model_copy(update={"network": settings.network.decided()})
    decided = resolved(settings)
    settings.given.refuse_missing(data=not (dataset is None and scenario is None), model=model is not None)
    if scenario is not None and scenario.validation is None and settings.evaluation.validation:
        raise InputError(
            "evaluation.validation is set, but the scenario that was given holds no validation samples: build it with "
            "validation=, or leave that setting out"
        )
    if scenario is None:
        dataset = dataset or load_dataset(settings.data)
        settings = settings.model_copy(update={"scenario": settings.scenario.by_site(dataset.site_column)})
        scenario = build_scenario(
            dataset,
            settings.scenario,
            settings.seed,
            settings.evaluation.validation,
        )
    if settings.evaluation.early_stopping is not None and scenario.validation is None:
        raise InputError(
            "evaluation.early_stopping needs validation samples, and the data bring none: set evaluation.validation"
        )
    classes = len(scenario.class_names)
    balance = decided.balance
    adversary = adversary_of(settings.attacks, len(scenario.clients), settings.seed)
    told = tell(scenario.histograms, settings, adversary)
    counts = scenario.global_counts if told is None else told.counts
    change = bounded_copies(rebalancing_of_held(counts, balance.rebalancing), balance.most_copies)
    population = Population.from_samples(
        scenario.train if adversary is None else adversary.poisoned(scenario),
        scenario.clients,
        classes,
        change if balance.changes_samples else None,
        on_the_fly=balance.storage == "on-the-fly",
        transform_all=balance.transformed == "all",
        transforms=balance.transforms,
        seed=settings.seed,
    )
    if balance.sampling == "class-balanced":
        population = population.class_balanced()
    if told is not None:
        trained = change.expected_counts(told.histograms).round().astype(np.int64)
        population = population.telling(balanced_histogram(trained) if balance.sampling != "all" else trained)

    train, outputs = decided.train, classes
    if scenario.regression is not None and scenario.train.targets is not None:
        population, outputs = population.regressing(scenario.regression.scaled(scenario.train.targets)), 1
        if isinstance(settings.train.loss, AutoLoss):
            train = train.model_copy(update={"loss": SquaredError()})
    if scenario.train.sets is not None:
        _check_sets(settings, adversary, told)
        outputs = scenario.outputs or classes
        population = population.regressing(scenario.train.sets[:, :outputs].astype(np.float32))
        if isinstance(settings.train.loss, AutoLoss):
            train = train.model_copy(update={"loss": BinaryCrossEntropy()})
    regression, several = scenario.regression is not None, scenario.train.sets is not None
    if train.loss.regression not in (None, regression) or train.loss.several not in (None, several):
        left = "train.loss" if settings.preset is None else f"preset = '{settings.preset}', or train.loss,"
        what = "numbers to be predicted" if regression else "several labels a sample" if several else "classes"
        raise InputError(f"loss '{train.loss.name}' does not fit these data, which have {what}: leave {left} out")
    for metric in settings.evaluation.metrics:
        if metric.regression not in (None, regression):
            raise InputError(
                f"metric '{metric.key}' is for {'classes' if regression else 'predicted numbers'}, which these data do "
                f"not have: leave it out of evaluation.metrics{', as r2, mae and rmse are there' if regression else ''}"
            )
    if train.rule.views > 1 and (regression or several):
        raise InputError(
            f"train.rule '{train.rule.name}' compares answers as classes, which these are not: leave it out"
        )
    shape, dtype = scenario.train.x.shape[1:], population.input_dtype
    module = build_model(settings.model, shape, outputs, settings.seed, dtype, model, scenario.train.form.inputs)
    if train.freeze_statistics:
        freeze_statistics(module)
    engine = make_engine(settings.engine, copied(module))  # first: it tells whether the device is there
    vector = VectorModel(module.to(server_device(chosen_here(settings.engine.device))))
    personal = personal_of(vector, train.personal)
    rule = train.local_rule(len(vector.weights), int(population.sizes.sum()))
    server = make_server(settings.server, vector, outputs, scenario)
    simulation = simulation_of(settings.network, population)
    places = None if simulation is None else simulation.places
    return Experiment(
        settings=settings,
        scenario=scenario,
        rebalancing=change,
        population=population,
        model=vector,
        algorithm=settings.algorithm.bound(train, rule, server, places, personal),
        engine=engine,
        budget=Budget(settings.rounds, settings.samples, settings.prolonged, settings.network.seconds),
        simulation=simulation,
        adversary=adversary,
        told=told,
    )


def _check_sets(settings: RunSettings, adversary: Adversary | None, told: Told | None) -> None:
    """Raise :class:`InputError` for what is made for one label a sample."""
    for key, wrong, why in (
        ("balance.sampling", settings.balance.sampling != "all", "draws each class equally often"),
        ("attacks", adversary is not None, "turns one label into another"),
        ("privacy.histograms", not isinstance(settings.privacy.histograms, Plain), "hides one label a sample"),
        ("model.head", settings.model.head == "etf", "is for classes that exclude each other"),
    ):
        if wrong:
            raise InputError(f"{key} {why}, and these samples have several labels: leave it out")


def tell(histograms: NDArray[np.int64], settings: RunSettings, adversary: Adversary | None) -> Told | None:
    """Return what the server is told of clients that hold ``histograms`` ``(K, N)``; ``None`` where it is those."""
    said = histograms if adversary is None else adversary.told(histograms)
    told = settings.privacy.histograms.told(said, stream(settings.seed, Purpose.PRIVACY))
    bounded = bounded_counts(told.histograms, resolved(settings).balance.bound)
    if bounded is not told.histograms:
        told = told._replace(histograms=bounded, counts=bounded.sum(axis=0))
    plain = isinstance(settings.privacy.histograms, Plain)
    return None if plain and np.array_equal(told.histograms, histograms) else told
