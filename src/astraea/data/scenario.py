"""A scenario: a dataset divided among clients. Who holds what is fixed before any training.

:func:`build_scenario` goes from the dataset to the clients in five steps, each with its own random stream:
the clients that the data name themselves, the test set, the global label distribution, the validation set,
and the division of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from astraea.data import partition
from astraea.data.dataset import Dataset, Samples
from astraea.data.holdout import draw, hold_out, hold_out_within
from astraea.data.labels import class_counts
from astraea.data.named_clients import NamedClients, named_clients
from astraea.data.settings import LABELS, OWN_SIZES, SIZES, SKEWS, ScenarioSettings
from astraea.errors import InputError
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
    the data are divided by a column that the test set has too. ``notes`` say in a sentence each what the
    scenario had to change: counts scaled, clients or samples left out.
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

    @cached_property
    def histograms(self) -> NDArray[np.int64]:
        """Samples of each class that each client holds, shape ``(K, N)``."""
        classes = len(self.class_names)
        return np.stack([np.bincount(self.train.y[rows], minlength=classes) for rows in self.clients])

    @property
    def global_counts(self) -> NDArray[np.int64]:
        """Samples of each class in use, shape ``(N,)``."""
        return self.train.counts(len(self.class_names))


def build_scenario(
    dataset: Dataset, settings: ScenarioSettings, seed: int, validation: float = 0.0
) -> Scenario:
    """Divide ``dataset`` among clients as ``settings`` say; the same ``seed`` gives the same scenario.

    ``validation`` is the share of every class in use, at least one sample of a class that has two, that no
    client gets; where the data name the clients themselves, the share of every client.

    Raises :class:`InputError` if the scenario is impossible with these data, and :class:`DataError` if
    the index file cannot be read.
    """
    if not 0 <= validation < 1:
        raise InputError(f"the validation share must be at least 0 and below 1, got {validation}")
    if not len(dataset.train):
        raise InputError(f"'{dataset.name}' has no training sample")
    notes: list[str] = []
    y = dataset.train.y

    named = named_clients(dataset.train, settings, stream(seed, Purpose.SCENARIO, _CLIENTS), notes)
    pool = np.arange(len(y)) if named is None else np.flatnonzero(named.owners >= 0)
    pool, test = _test_set(dataset, pool, named, settings, stream(seed, Purpose.SCENARIO, _TEST), notes)

    used = pool[
        _draw_labels(y[pool], dataset.class_names, settings, stream(seed, Purpose.SCENARIO, _DRAW), notes)
    ]

    held_out = None
    if validation:
        held = _hold_out(y, used, named, validation, stream(seed, Purpose.VALIDATION))
        held_out = dataset.train.take(held)
        used = np.setdiff1d(used, held, assume_unique=True)

    train = dataset.train.take(used)
    clients, names = _divide(train.y, used, named, settings, seed, notes)
    return Scenario(
        name=_title(settings),
        dataset=dataset.name,
        class_names=dataset.class_names,
        train=train,
        clients=clients,
        client_names=names,
        test=test,
        validation=held_out,
        test_clients=_test_clients(test, names, settings),
        notes=tuple(notes),
    )


def _title(settings: ScenarioSettings) -> str:
    if settings.name != "custom":
        return settings.name
    detail = {
        "dirichlet": f" (beta {settings.dirichlet_beta:g})",
        "shards": f" ({settings.shards_per_client} a client)",
        "column": f" '{settings.column}'",
    }.get(settings.skew, "")
    sizes = "" if settings.skew in OWN_SIZES else f", {settings.sizes} sizes"
    return f"{settings.labels} labels, {settings.skew}{detail} skew{sizes}"


def _hold_out(
    y: NDArray[np.int64], rows: Rows, named: NamedClients | None, share: float, rng: np.random.Generator
) -> Rows:
    """Those of ``rows`` to set aside: a share of every class, or of every client that the data name."""
    if named is None:
        return rows[hold_out(y[rows], share, rng)]
    return rows[hold_out_within(y[rows], named.owners[rows], share, rng)]


def _test_set(
    dataset: Dataset,
    pool: Rows,
    named: NamedClients | None,
    settings: ScenarioSettings,
    rng: np.random.Generator,
    notes: list[str],
) -> tuple[Rows, Samples]:
    """The rows left for training, and the test set."""
    test = dataset.test
    if test is None or not len(test):
        held = _hold_out(dataset.train.y, pool, named, settings.test_share, rng)
        pool, test = np.setdiff1d(pool, held, assume_unique=True), dataset.train.take(held)
        notes.append(f"'{dataset.name}' has no test set: {len(held):,} training samples are held out as one.")
    counts = test.counts(dataset.classes)
    without = ", ".join(f"'{dataset.class_names[c]}'" for c in np.flatnonzero(counts == 0))
    if settings.test == "as-is":
        if without:
            notes.append(f"The test set has no sample of {without}: nothing is measured about it.")
        return pool, test
    if without:
        raise InputError(
            f"the test set has no sample of {without}, so it cannot be balanced: set scenario.test to 'as-is'"
        )
    each = min(int(counts.min()), settings.test_per_class or len(test))
    if each < counts.max():
        notes.append(f"The test set is {each:,} random samples of each class, out of {len(test):,} in all.")
        test = test.take(draw(test.y, np.full(dataset.classes, each), rng))
    return pool, test


def _draw_labels(
    y: NDArray[np.int64],
    class_names: tuple[str, ...],
    settings: ScenarioSettings,
    rng: np.random.Generator,
    notes: list[str],
) -> Rows:
    """Places in ``y`` of the samples that the global label distribution takes."""
    available = np.bincount(y, minlength=len(class_names))
    weights = LABELS[settings.labels](settings, class_names, available)
    samples = settings.samples
    if samples is None and settings.counts is not None:
        samples = sum(settings.counts)
    counts, note = class_counts(weights, available, class_names, samples, settings.min_per_class)
    if note:
        notes.append(note)
    notes.extend(
        f"No client holds a sample of class '{class_names[c]}': nothing is learnt about it."
        for c in np.flatnonzero(counts == 0)
    )
    return draw(y, counts, rng)


def _divide(
    y: NDArray[np.int64],
    used: Rows,
    named: NamedClients | None,
    settings: ScenarioSettings,
    seed: int,
    notes: list[str],
) -> tuple[tuple[Rows, ...], tuple[str, ...]]:
    """The places in ``y`` of each client's samples, and the clients' names."""
    if named is not None:
        present, of = np.unique(named.owners[used], return_inverse=True)
        if len(present) < len(named.names):
            notes.append(
                f"{len(named.names) - len(present)} of {len(named.names)} clients are left out: "
                "the label distribution leaves them no sample."
            )
        return partition.rows_of(of, len(present)), tuple(named.names[k] for k in present)

    clients = settings.clients or _DEFAULT_CLIENTS
    rng = stream(seed, Purpose.PARTITION)
    if settings.skew == "shards":
        of = partition.shards(y, clients, settings.shards_per_client, rng)
    else:
        sizes = SIZES[settings.sizes](settings, len(y), clients, stream(seed, Purpose.SIZES))
        of = SKEWS[settings.skew](settings, y, sizes, rng)
    return partition.rows_of(of, clients), tuple(map(str, range(clients)))


def _test_clients(test: Samples, names: tuple[str, ...], settings: ScenarioSettings) -> Rows | None:
    """The client of each test sample by the column that divides the data, -1 for none."""
    if settings.column is None or settings.column not in test.columns:
        return None
    client = {name: k for k, name in enumerate(names)}
    return np.array([client.get(str(value), -1) for value in test.columns[settings.column]], dtype=np.int64)
