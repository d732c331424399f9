"""A scenario: a dataset divided among clients. Who holds what is fixed before any training.

:func:`build_scenario` goes from the dataset to the clients in five steps, each with its own random stream:
the clients that the data name themselves, the test set, the global label distribution, the validation set,
and the division of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astraea.data import partition
from astraea.data.apportion import apportion
from astraea.data.dataset import Dataset, Samples
from astraea.data.holdout import draw, hold_out, hold_out_within
from astraea.data.inputs import ArrayReader, Inputs
from astraea.data.labels import class_counts
from astraea.data.named_clients import clients_of_tests, large_enough, unmatched
from astraea.data.noise import noisy_features, noisy_labels
from astraea.data.papers import PAPERS
from astraea.data.partition import NamedClients
from astraea.data.regression import Regression
from astraea.data.settings import ScenarioSettings
from astraea.data.standardise import Sums, scaling
from astraea.errors import InputError
from astraea.parts import Part
from astraea.parts.validation import from_options
from astraea.seeding import Purpose, stream

__all__ = ["Scenario", "ScenarioSettings", "build_scenario"]

_DEFAULT_CLIENTS = 100
_CLIENTS, _TEST, _DRAW = range(3)  # streams of Purpose.SCENARIO

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scenario:
    """Who holds what: K clients, N classes.

    ``train`` are the samples in use; ``clients`` the rows of ``train`` that each client holds, ascending and
    disjoint, together all of them. ``test_clients`` gives the client of each test sample (-1: none) where
    the data are divided by a column that the test set has too, or where a test set was brought for each client.
    ``notes`` say in a sentence each what the scenario had to change: counts scaled, clients or samples left out.
    ``outputs`` are those of a model, where they are not one a class. ``read_by`` is how further rows are read, where
    that is more than the form of ``train``.
    """

    name: str
    dataset: str
    class_names: tuple[str, ...]
    train: Samples
    clients: tuple[Rows, ...]
    client_names: tuple[str, ...]
    test: Samples
    validation: Samples | None
    test_clients: Rows | None
    notes: tuple[str, ...]
    regression: Regression | None = None
    read_by: Inputs | None = None
    outputs: int | None = None

    @property
    def inputs(self) -> Inputs:
        """How new rows become what the samples are."""
        reader = ArrayReader(form=self.train.form, class_names=self.class_names)
        return self.read_by or Inputs(reader=reader, regression=self.regression)

    @cached_property
    def histograms(self) -> NDArray[np.int64]:
        """Samples of each class that each client holds, shape ``(K, N)``."""
        classes, sets = len(self.class_names), self.train.sets
        if sets is not None:
            return np.stack([sets[rows].sum(axis=0, dtype=np.int64) for rows in self.clients])
        return np.stack([np.bincount(self.train.y[rows], minlength=classes) for rows in self.clients])

    @property
    def global_counts(self) -> NDArray[np.int64]:
        """Samples of each class in use, shape ``(N,)``."""
        return self.train.counts(len(self.class_names))


def build_scenario(
    dataset: Dataset,
    settings: ScenarioSettings | None = None,
    seed: int = 0,
    validation: float = 0.0,
    **options: Any,
) -> Scenario:
    """Divide ``dataset`` among clients as ``settings`` say; the same ``seed`` gives the same scenario.

    In place of ``settings``, their fields may be given as ``options``: ``build_scenario(data, labels="zipf",
    clients=50)``. ``validation`` is the share of every class in use, at least one sample of a class that has
    two, that no client gets; where the data name the clients themselves, the share of every client.

    Raises :class:`InputError` if the scenario is impossible with these data, and :class:`DataError` if
    the index file cannot be read.
    """
    if settings is None:
        settings = from_options(ScenarioSettings, options, "scenario")
    elif options:
        raise InputError(f"'{min(options)}' beside settings: put it into the ScenarioSettings")
    if not 0 <= validation < 1:
        raise InputError(f"the validation share must be at least 0 and below 1, got {validation}")
    if not len(dataset.train):
        raise InputError(f"'{dataset.name}' has no training sample: a scenario needs some to divide")
    settings = settings.by_site(dataset.site_column)
    y = dataset.train.y
    if dataset.train.sets is not None:
        _check_sets(settings)

    named = settings.skew.named(dataset.train, settings.clients, stream(seed, Purpose.SCENARIO, _CLIENTS))
    pool = np.arange(len(y)) if named is None else np.flatnonzero(named.owners >= 0)
    if named is not None:
        named = large_enough(named, settings.least_size)
        pool = np.flatnonzero(named.owners >= 0)
    notes = list(named.notes) if named else []

    test = dataset.test
    if test is None or not len(test):
        held = _hold_out(y, pool, named, settings.test_share, stream(seed, Purpose.SCENARIO, _TEST))
        pool, test = np.setdiff1d(pool, held, assume_unique=True), dataset.train.take(held)
        notes.append(f"'{dataset.name}' has no test set: {len(held):,} training samples are held out as one.")
    test, test_notes = _test_set(test, dataset.class_names, settings, stream(seed, Purpose.SCENARIO, _TEST, 1))

    places, label_notes = _draw_labels(y[pool], dataset.class_names, settings, stream(seed, Purpose.SCENARIO, _DRAW))
    used = pool[places]

    held_out = dataset.validation
    if validation and held_out is not None:
        notes.append(f"The data bring {len(held_out):,} validation samples: evaluation.validation holds out no others.")
    elif validation:
        held = _hold_out(y, used, named, validation, stream(seed, Purpose.VALIDATION))
        used, held_out = np.setdiff1d(used, held, assume_unique=True), dataset.train.take(held)

    if named is None:
        owners, clients = _divide(y[used], settings, seed)
        names = tuple(map(str, range(clients)))
    else:
        present, owners = np.unique(named.owners[used], return_inverse=True)
        names = tuple(named.names[k] for k in present)
        if len(names) < len(named.names):
            notes.append(
                f"{len(named.names) - len(names)} of {len(named.names)} clients are left out: "
                "the label distribution leaves them no sample."
            )
    train, rows = dataset.train.take(used), partition.rows_of(owners, len(names))
    if dataset.site_column is not None and settings.skew.divided_by != dataset.site_column:
        notes.append(
            f"Column '{dataset.site_column}' names sites, but they are not the clients: "
            f"set scenario.skew to {{name = 'column', column = '{dataset.site_column}'}}."
        )
    if len(np.unique(train.y)) == 1:
        notes.append(f"All samples are of one class, '{dataset.class_names[train.y[0]]}': there is nothing to learn.")
    if settings.label_noise:
        train, note = noisy_labels(train, rows, settings.label_noise, seed)
        notes.append(note)
    if settings.feature_noise:
        train, note = noisy_features(train, rows, settings.feature_noise, seed)
        notes.append(note)
    scaled = None
    if dataset.standardised is not None:
        scaled = common = scaling((Sums.of(train.x[own]) for own in rows), dataset.standardised)
        train, test = train.holding(common.of(train.x)), test.holding(common.of(test.x))
        held_out = held_out and held_out.holding(common.of(held_out.x))
    regression = dataset.regression
    if regression is not None and train.targets is not None:
        common = scaling((Sums.of(train.targets[own, None]) for own in rows), np.array([True]))
        regression = replace(regression, mean=float(common.mean[0]), deviation=float(common.deviation[0]))
    plain = ArrayReader(form=dataset.train.form, class_names=dataset.class_names)
    return Scenario(
        name=_title(settings),
        dataset=dataset.name,
        class_names=dataset.class_names,
        train=train,
        clients=rows,
        client_names=names,
        test=test,
        validation=held_out,
        test_clients=clients_of_tests(test, names, settings.skew.divided_by),
        notes=(
            *dataset.notes,
            *notes,
            *test_notes,
            *label_notes,
            *unmatched(dataset.train, test, names, settings.skew.divided_by),
        ),
        regression=regression,
        outputs=dataset.outputs,
        read_by=Inputs(reader=dataset.reader or plain, scaling=scaled, regression=regression),
    )


def _check_sets(settings: ScenarioSettings) -> None:
    """Raise :class:`InputError` for what makes no sense where samples have several labels."""
    found = {"labels": settings.labels.name, "test": settings.test, "label_noise": settings.label_noise or "as-is"}
    for key, chosen in found.items():
        if chosen != "as-is":
            raise InputError(
                f"scenario.{key} = {chosen} draws or swaps classes one by one, and these samples have several labels, "
                f"which come together: {'set it to as-is' if isinstance(chosen, str) else 'leave it out'}"
            )


def _title(settings: ScenarioSettings) -> str:
    """A paper's name and what was set otherwise; for a custom scenario its parts."""
    if settings.name != "custom":
        paper = ScenarioSettings(name=settings.name)
        other = [
            f"{key} = {value.name if isinstance(value, Part) else value}"
            for key in PAPERS[settings.name]
            if (value := getattr(settings, key)) != getattr(paper, key)
        ]
        return settings.name + (f" with {', '.join(other)}" if other else "")
    sizes = "" if settings.skew.brings_sizes else f", {settings.sizes.name} sizes"
    return f"{settings.labels.name} labels, {settings.skew.title} skew{sizes}"


def _hold_out(y: Rows, rows: Rows, named: NamedClients | None, share: float, rng: np.random.Generator) -> Rows:
    """Those of ``rows`` to set aside: a share of every class, or of every client that the data name."""
    if named is None:
        places = hold_out(y[rows], share, rng)
    else:
        places = hold_out_within(y[rows], named.owners[rows], share, rng)
    if not len(places):
        raise InputError(
            f"{len(rows)} training samples are too few to hold out {share:g} of them, as each class or client keeps "
            "one: bring a set of your own (test=, validation=; data.test_path, data.validation_path)"
        )
    return rows[places]


def _test_set(
    test: Samples, class_names: tuple[str, ...], settings: ScenarioSettings, rng: np.random.Generator
) -> tuple[Samples, list[str]]:
    """The test set as it is, or balanced; and what to note about it."""
    counts = test.counts(len(class_names))
    without = ", ".join(f"'{class_names[c]}'" for c in np.flatnonzero(counts == 0))
    if settings.test == "as-is":
        return test, [f"The test set has no sample of {without}: nothing is measured about it."] if without else []
    if without:
        raise InputError(
            f"the test set has no sample of {without}, so it cannot be balanced: set scenario.test to 'as-is'"
        )
    each = min(int(counts.min()), settings.test_per_class or len(test))
    if each == counts.max():
        return test, []
    drawn = test.take(draw(test.y, np.full(len(class_names), each), rng))
    return drawn, [f"The test set is {each:,} random samples of each class, out of {len(test):,} in all."]


def _draw_labels(
    y: Rows, class_names: tuple[str, ...], settings: ScenarioSettings, rng: np.random.Generator
) -> tuple[Rows, list[str]]:
    """Places in ``y`` of the samples that the global label distribution takes, and what to note about it."""
    available = np.bincount(y, minlength=len(class_names))
    weights = settings.labels.weights(class_names, available)
    samples = settings.samples or settings.labels.samples or sum(settings.sizes.listed) or None
    counts, note = class_counts(weights, available, class_names, samples, settings.min_per_class)
    notes = [note] if note else []
    without = ", ".join(f"'{class_names[c]}'" for c in np.flatnonzero(counts == 0))
    if without:
        notes.append(f"No client holds a sample of {without}: nothing is learnt about it.")
    return draw(y, counts, rng), notes


def _divide(y: Rows, settings: ScenarioSettings, seed: int) -> tuple[Rows, int]:
    """The owner of each sample, and the number of clients."""
    clients = settings.clients or len(settings.sizes.listed) or _DEFAULT_CLIENTS
    least = settings.least_size
    if clients * least > len(y) and least > 1:
        raise InputError(
            f"{clients} clients of {least} samples or more need {clients * least}, but there are {len(y)}: lower "
            "scenario.least_size or scenario.clients"
        )
    rng = stream(seed, Purpose.PARTITION)
    if settings.skew.brings_sizes:
        sizes = np.full(clients, least)
    else:
        sizes = settings.sizes.sizes(len(y), clients, stream(seed, Purpose.SIZES))
        if least > 1:
            sizes = apportion(sizes.astype(np.float64), len(y), minimum=least)
    owners = settings.skew.owners(y, sizes, rng)
    held = np.bincount(owners, minlength=clients)
    if held.min() < least and least > 1:
        raise InputError(
            f"client {held.argmin()} would hold {held.min()} samples, fewer than scenario.least_size = {least}: lower "
            "that or scenario.clients"
        )
    return owners, clients
