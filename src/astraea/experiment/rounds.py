"""The rounds of a run as it plans them, without training: enough to say what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from astraea.experiment.prepare import Experiment
from astraea.federation.algorithms import View
from astraea.federation.plan import RoundPlan
from astraea.seeding import Purpose, stream

__all__ = ["planned_rounds"]


def planned_rounds(experiment: Experiment) -> Iterator[RoundPlan]:
    """Yield the plan of each round of ``experiment``, without end: who trains, in which order, and what is sent.

    They are those of the run, whose models and rates alone depend on training.
    """
    algorithm, histograms = experiment.algorithm, experiment.population.histograms
    state, seed = algorithm.init(*experiment.model.read()), experiment.settings.seed
    while True:
        view = View(histograms, experiment.available(state.round), 0.0, seed)
        yield algorithm.plan(state, view, stream(seed, Purpose.PARTICIPATION, state.round))
        state = replace(state, round=state.round + 1)
