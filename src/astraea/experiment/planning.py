"""Which plan suits a network: rounds of many plans timed, without training.

Clients of a round, capacity, epochs, passes and where mediators are decide how long it takes until a given number of
samples is processed. What a sample is worth under each plan, only training tells: :mod:`astraea.experiment.reached`
takes that from finished runs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from astraea.errors import InputError, unknown_name
from astraea.experiment.arms import arm_settings
from astraea.experiment.cost import samples_per_round
from astraea.experiment.plans import COSTS, Plans, PlanTime
from astraea.experiment.prepare import Experiment, prepare
from astraea.experiment.rounds import planned_rounds
from astraea.experiment.settings import EXAMPLE, RunSettings, load_toml, parse_settings
from astraea.experiment.simulation import Simulation
from astraea.federation.algorithms import Algorithm
from astraea.network.choice import NetworkSettings
from astraea.network.files import NetworkLike, load_network, whole_name
from astraea.network.settings import Network

__all__ = ["PLACEMENTS", "Choices", "places_tried", "plan"]

PLACEMENTS = ("server", "sites", "clients")


class Choices(NamedTuple):
    """What is tried; what is empty is chosen to suit the scenario."""

    clients: tuple[int, ...] = ()
    capacity: tuple[int, ...] = ()
    epochs: tuple[int, ...] = (1, 2, 5)
    passes: tuple[int, ...] = (1, 2)
    placement: tuple[str, ...] = ()


def plan(
    network: NetworkLike,
    settings: RunSettings | Mapping[str, Any] | Path | str | None = None,
    *,
    arms: str | Sequence[str] = "fedavg,astraea",
    samples: int | None = None,
    choices: Choices | Mapping[str, Sequence[int] | Sequence[str]] | None = None,
    congestion: str = "cubic",
    sharing: str = "fair",
    timed: int = 3,
    source: str | None = None,
    trust: bool = False,
) -> Plans:
    """Return how long plans of ``arms`` take on ``network`` until ``samples`` are processed, the soonest first.

    ``settings`` say scenario, model and training: settings, tables or a TOML file, by default the built-in example's.
    Each of ``arms`` is tried with every combination of ``choices``, such as ``{"clients": (10, 20)}``: ``clients`` of a
    round, ``capacity`` (chain length), ``epochs`` of a visit, ``passes`` over a chain, and ``placement`` of mediators.
    ``samples`` is by default what a run of the settings processes. ``timed`` rounds of each plan are timed in the fluid
    model, or in packets where links lose some, under the controller called ``congestion``; a run of the ``settings``
    that a row holds counts the same seconds if it has no more rounds than that. Messages call the settings ``source``,
    by default the file that they came from; code that tables or a file name is imported with ``trust`` alone.

    Raises :class:`InputError` for what cannot be tried and unknown names.
    """
    tables = _tables(settings)
    trust = trust or isinstance(settings, RunSettings)  # whose code is imported already
    if source is None:
        source = str(settings) if isinstance(settings, Path | str) else "settings"
    own = tables.pop("arms", {})
    found = load_network(network)
    names = [name.strip() for name in (arms.split(",") if isinstance(arms, str) else arms) if name.strip()]
    choices = choices if isinstance(choices, Choices) else _choices(choices or {})
    _check(choices, names, samples, timed)
    name = whole_name(network) if isinstance(network, str | Path) else None
    chosen = NetworkSettings(name=name, congestion=congestion, sharing=sharing, fidelity=found.followed_by)
    if samples is None:
        samples = _samples(parse_settings(tables, source, trust=trust))
    rows: list[PlanTime] = []
    for arm in names:
        experiment = prepare(arm_settings(tables, arm, own, source, trust=trust))
        experiment.engine.close()
        for algorithm in _algorithms(experiment, choices):
            single = getattr(algorithm, "capacity", 1) == 1 and algorithm.passes == 1
            places = places_tried(found, choices.placement, single=single, bits=algorithm.bits)
            one = replace(experiment, algorithm=algorithm)
            apart = (
                [(place,) for place in places] if algorithm.reads_places else [places]
            )  # else all have the same chains
            for together in apart:
                rows += _timed(one, arm, found, chosen, together, samples, timed)
    rows.sort(key=lambda row: row.seconds)
    return Plans(found, congestion, sharing, samples, tuple(rows))


def _choices(given: Mapping[str, Any]) -> Choices:
    for key in given:
        if key not in Choices._fields:
            raise unknown_name("choice", key, Choices._fields)
    return Choices(**{key: tuple(values) for key, values in given.items()})


def _tables(settings: RunSettings | Mapping[str, Any] | Path | str | None) -> dict[str, Any]:
    if isinstance(settings, RunSettings):
        tables = settings.model_dump(exclude_none=True)
    elif isinstance(settings, Mapping):
        tables = dict(settings)
    else:
        tables = load_toml(Path(EXAMPLE if settings is None else settings))
    tables.pop("network", None)
    return tables


def _samples(settings: RunSettings) -> int:
    if settings.samples is not None:
        return settings.samples
    experiment = prepare(settings)
    experiment.engine.close()
    return round(samples_per_round(experiment) * settings.rounds)


def _check(choices: Choices, arms: Sequence[str], samples: int | None, timed: int) -> None:
    if not arms:
        raise InputError("a plan needs an algorithm: name at least one of --arms")
    if (samples is not None and samples < 1) or timed < 1:
        raise InputError(f"{samples} samples and {timed} rounds to be timed: both must be at least 1")
    for key in ("clients", "capacity", "epochs", "passes"):
        if any(value < 1 for value in getattr(choices, key)):
            raise InputError(f"{key} {min(getattr(choices, key))}: must be at least 1")
    for place in choices.placement:
        if place not in PLACEMENTS:
            raise unknown_name("placement", place, PLACEMENTS)


def _algorithms(experiment: Experiment, choices: Choices) -> Iterator[Algorithm]:
    """Yield the algorithm of ``experiment`` with every combination of ``choices`` that it has settings for."""
    given, everyone = experiment.algorithm, len(experiment.population)
    fields = type(given).model_fields
    clients = choices.clients or (5, 10, 20, 50, 100, given.clients_per_round)
    if choices.clients and min(clients) > everyone:
        raise InputError(
            f"{min(clients)} clients in a round are more than the {everyone} of the scenario: ask for fewer"
        )
    seen = set()
    for c, epochs in itertools.product(sorted({min(value, everyone) for value in clients}), choices.epochs):
        lengths: Iterable[int] = choices.capacity or (2, 5, 10, 20, 50)
        for capacity in sorted({min(value, c) for value in lengths}) if "capacity" in fields else (1,):
            for passes in choices.passes if "mediator_epochs" in fields else (1,):
                values = {"clients_per_round": c, "local_epochs": epochs}
                values |= {"capacity": capacity} if "capacity" in fields else {}
                values |= {"mediator_epochs": passes} if "mediator_epochs" in fields else {}
                if tuple(values.values()) not in seen:
                    seen.add(tuple(values.values()))
                    changed = given.model_copy(update=values)
                    yield changed.bound(given.training, given.rule, given.server)


def places_tried(network: Network, wanted: Sequence[str], *, single: bool, bits: int) -> tuple[str, ...]:
    """Return where mediators may be; where that makes no difference, only the first of those ``wanted``, or of all.

    A ``single`` visit a chain needs no mediator. A model in few ``bits`` does, so that clients are left out unless
    they are asked for.
    """
    if single:
        return ("server",)
    places = tuple(wanted) or tuple(place for place in PLACEMENTS if bits == 32 or place != "clients")
    if not network.links:
        places = tuple(dict.fromkeys("server" if place == "sites" else place for place in places))
    return places


def _timed(
    experiment: Experiment,
    arm: str,
    network: Network,
    chosen: NetworkSettings,
    placements: Sequence[str],
    samples: int,
    timed: int,
) -> list[PlanTime]:
    """Return what the plan of ``experiment`` takes with its mediators at each of ``placements``."""
    sizes = experiment.population.sizes
    simulations = {
        place: Simulation(chosen, network.model_copy(update={"placement": place}), experiment.population)
        for place in placements
    }
    given = experiment.algorithm
    bound = given.bound(
        given.training, given.rule, given.server, simulations[placements[0]].places, personal=given.personal
    )
    counted: dict[str, list[tuple[float, ...]]] = {place: [] for place in placements}
    left = set(placements)
    for one in itertools.islice(planned_rounds(replace(experiment, algorithm=bound)), timed):
        trained = {
            chain.id: one.training.epochs * sum(int(sizes[visit.client]) for visit in chain.visits)
            for chain in one.chains
        }
        for place in sorted(left):
            told = simulations[place](one, sum(row[2] for row in counted[place]))
            done = sum(count for chain, count in trained.items() if chain not in told.late)
            parts = (
                told.metrics[f"round_{part}seconds"] for part in ("", "compute_", "transfer_", "waiting_", "bound_")
            )
            counted[place].append((done, told.plan.bytes_sent, *parts))
            if sum(row[0] for row in counted[place]) >= samples:
                left.discard(place)
        if not left:
            break
    rows = []
    for place in placements:
        columns = np.array(counted[place])
        whole = float(columns[:, 0].sum())
        more = 0 if whole >= samples or not whole else math.ceil((samples - whole) / (whole / len(columns)))
        total = cast("list[float]", (columns.sum(axis=0) + more * columns.mean(axis=0)).tolist())
        if not whole:
            total[2:] = [math.inf] * 5  # no chain is ever back by the deadline
        settings = experiment.settings.model_copy(
            update={
                "samples": samples,
                "algorithm": experiment.algorithm,
                "network": chosen.model_copy(update={"placement": place}),
            }
        )
        costs = dict(zip(COSTS, total, strict=True))
        rows.append(PlanTime(arm, place, len(columns) + more, len(columns), settings=settings, **costs))
    return rows
