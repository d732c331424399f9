"""What a run would cost, before it is run: ``astraea run --dry-run``."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch

from astraea.balance.participation import inclusion_probabilities
from astraea.experiment.arms import arm_settings
from astraea.experiment.prepare import Experiment, prepare
from astraea.experiment.rounds import view_of
from astraea.experiment.settings import parse_settings
from astraea.experiment.simulation import Simulation
from astraea.federation.clients import ClientData
from astraea.federation.plan import RoundPlan
from astraea.federation.training import Trainer
from astraea.network.choice import NetworkSettings
from astraea.network.settings import Network
from astraea.network.timing import RoundTime
from astraea.seeding import Purpose, stream, torch_seed

__all__ = ["Cost", "RoundCosts", "estimate", "first_round", "round_costs", "samples_per_round"]

_PROBE_STEPS = 20


@dataclass(frozen=True)
class Cost:
    """Expected cost of a whole run, all clients together.

    ``memory_bytes`` is what samples, models and their gradients take; ``seconds`` is extrapolated from a few
    timed steps of the real model on this machine, evaluation included. ``simulated_seconds`` are the rounds' on the
    network that the settings name, as long as the first, and ``bytes_sent`` go the ways that it has.
    """

    rounds: int
    client_epochs: int
    samples_processed: int
    optimizer_steps: int
    bytes_sent: int
    memory_bytes: int
    seconds: float
    simulated_seconds: float | None


def samples_per_round(experiment: Experiment) -> float:
    """Return the samples that a round processes in expectation over which clients take part."""
    views = experiment.algorithm.rule.views
    return views * float((_visit_rates(experiment) * experiment.population.sizes).sum())


def estimate(experiment: Experiment, clock: Callable[[], float] = time.perf_counter) -> Cost:
    """Return the expected cost of ``experiment``; a probe trains a few steps and discards them."""
    sizes = experiment.population.sizes
    rates = _visit_rates(experiment)
    batch = experiment.settings.train.batch_size
    samples = samples_per_round(experiment)
    budget = experiment.budget
    first = first_round(experiment)
    simulated = None if experiment.simulation is None else experiment.simulation(first)
    rounds = budget.rounds
    if budget.seconds is not None and simulated is not None:
        rounds = max(1, math.ceil(budget.seconds / simulated.seconds))
    elif budget.samples is not None:
        rounds = max(1, round(budget.samples / samples))
    passes = experiment.algorithm.local_epochs
    steps = float((rates * np.ceil(sizes / batch)).sum()) * rounds
    visits = rates.sum() / passes * rounds
    sent = 2 * first.bytes_per_hop * visits if simulated is None else simulated.plan.bytes_sent * rounds
    per_step, per_evaluation = _probe(experiment, first, clock)
    evaluations = rounds // experiment.settings.evaluation.every
    data = experiment.population.x.nbytes + experiment.scenario.test.x.nbytes
    return Cost(
        rounds=rounds,
        client_epochs=round(rates.sum() * rounds),
        samples_processed=round(samples * rounds),
        optimizer_steps=round(steps),
        bytes_sent=round(sent),
        memory_bytes=data + 5 * first.start.bytes,  # two models with a gradient each, and the running sum of a round
        seconds=steps * per_step + evaluations * per_evaluation,
        simulated_seconds=None if simulated is None else simulated.seconds * rounds,
    )


def _visit_rates(experiment: Experiment) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return each client's expected epochs a round, shape ``(K,)``."""
    algorithm = experiment.algorithm
    wanted = min(algorithm.clients_per_round, len(experiment.population))
    included = inclusion_probabilities(experiment.population.histograms, wanted, algorithm.participation)
    return included * algorithm.local_epochs * algorithm.passes


def first_round(experiment: Experiment) -> RoundPlan:
    """Return the plan of a round, as the first one would be if everyone were there."""
    everyone = np.ones(len(experiment.population), np.bool_)
    view = view_of(experiment, everyone)
    state = experiment.algorithm.init(*experiment.model.read())
    return experiment.algorithm.plan(state, view, stream(experiment.settings.seed, Purpose.CALIBRATION))


def _probe(experiment: Experiment, plan: RoundPlan, clock: Callable[[], float]) -> tuple[float, float]:
    """Return the seconds of one optimiser step and of one evaluation."""
    population, batch = experiment.population, experiment.settings.train.batch_size
    rows = np.resize(population.rows, batch * _PROBE_STEPS)
    chosen = torch.from_numpy(rows)
    x, y = population.x[chosen], population.y[chosen]
    counts = torch.bincount(y, minlength=population.classes)
    targets = None if population.targets is None else population.targets[chosen]
    data = ClientData(x, y, None, population.transforms, counts, form=population.form, targets=targets)
    start, training = plan.start, replace(plan.training, epochs=1)
    seed = torch_seed(experiment.settings.seed, Purpose.CALIBRATION)
    before = torch.get_num_threads()
    torch.set_num_threads(experiment.settings.engine.threads)
    try:
        with torch.random.fork_rng(devices=[]):
            seconds = []
            trainer = Trainer(experiment.model, experiment.algorithm.rule, training, prior=plan.prior)
            for _ in range(2):  # the first warms up
                began = clock()
                trainer.train(data, start, seed)
                seconds.append(clock() - began)
        began = clock()
        experiment.evaluate(start.params, start.counters)
        return seconds[-1] / _PROBE_STEPS, clock() - began
    finally:
        torch.set_num_threads(before)
        experiment.model.write(start.params, start.counters)


class RoundCosts(NamedTuple):
    """What a round of each algorithm takes, by name, and how many ``clients`` the scenario has.

    Without any algorithm nothing is divided among clients: they are as many as settings say, ``None`` if the data do.
    """

    rounds: dict[str, RoundTime]
    clients: int | None


def round_costs(
    tables: Mapping[str, Any],
    arms: Sequence[str],
    network: Network,
    *,
    congestion: str,
    sharing: str = "fair",
    source: str = "settings",
    trust: bool = False,
) -> RoundCosts:
    """Return what a round of each arm takes on ``network``, without training.

    ``tables`` are settings as in TOML, and ``source`` is what messages call them; code that they name is
    imported with ``trust`` alone.
    """
    base = dict(tables)
    own = base.pop("arms", {})
    settings = NetworkSettings(name=network.name, congestion=congestion, sharing=sharing, fidelity=network.followed_by)
    costs, clients = {}, None if arms else parse_settings(base, source, trust=trust).scenario.clients
    for arm in arms:
        experiment = prepare(arm_settings(base, arm, own, source, trust=trust))
        try:
            costs[arm] = Simulation(settings, network, experiment.population).time(first_round(experiment))
            clients = len(experiment.population)
        finally:
            experiment.engine.close()
    return RoundCosts(costs, clients)
