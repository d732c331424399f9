"""The rounds of a run as it plans them, without training: enough to say what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from astraea.experiment.prepare import Experiment
from astraea.federation.algorithms import View
from astraea.federation.plan import RoundPlan
from astraea.seeding import Purpose, stream

__all__ = ["planned_rounds", "view_of"]


def view_of(experiment: Experiment, present: NDArray[np.bool_]) -> View:
    """Return what an algorithm plans by when the clients ``present`` could take part: what they have told of theirs."""
    population = experiment.population
    known = population.histograms if population.told is None else population.told
    return View(known, present, 0.0, experiment.settings.seed, weighed=population.told is not None)


def planned_rounds(experiment: Experiment) -> Iterator[RoundPlan]:
    """Yield the plan of each round of ``experiment``, without end: who trains, in which order, and what is sent.

    They are those of the run, whose models and rates alone depend on training.
    """
    algorithm, adversary = experiment.algorithm, experiment.adversary
    state, seed = algorithm.init(*experiment.model.read()), experiment.settings.seed
    while True:
        view = view_of(experiment, experiment.available(state.round))
        plan = algorithm.plan(state, view, stream(seed, Purpose.PARTICIPATION, state.round))
        yield plan if adversary is None else adversary.placed(plan)
        state = replace(state, round=state.round + 1)
