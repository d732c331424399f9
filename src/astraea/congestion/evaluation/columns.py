"""Figures over many worlds: means, percentiles, least values, and times of which some are censored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.evaluation.suite import Column, Outcomes
from astraea.congestion.metrics.definitions import Duration, kaplan_meier

__all__ = [
    "JAIN",
    "LOST",
    "QUEUE",
    "UTILISATION",
    "UTILISATION_LEAST",
    "converged",
    "convergence",
    "finished",
    "least",
    "mean",
    "pooled",
    "quantile",
    "ratio",
    "relative",
    "slowdown",
    "waited",
    "within",
]

Figure = Callable[[Outcomes, Outcomes], float]


def mean(name: str, *, known: bool = False) -> Figure:
    """Return the mean over worlds of the measure ``name``; with ``known``, over those in which it applies."""

    def figure(own: Outcomes, _: Outcomes) -> float:
        values = _values(own, name)
        return _over(np.mean, values[~np.isnan(values)] if known else values)

    return figure


def least(name: str, *, known: bool = False) -> Figure:
    """Return its smallest value; with ``known``, over worlds in which it applies."""

    def figure(own: Outcomes, _: Outcomes) -> float:
        values = _values(own, name)
        return _over(np.min, values[~np.isnan(values)] if known else values)

    return figure


def quantile(name: str, share: float) -> Figure:
    """Return its value that the ``share`` of worlds does not exceed."""
    return lambda own, _: _over(lambda x: np.quantile(x, share), _values(own, name))


def pooled(name: str, share: float) -> Figure:
    """Return that quantile of a measure which is a list, over the lists of all worlds together."""
    return lambda own, _: _over(lambda x: np.quantile(x, share), np.array([v for o in own for v in o.values[name]]))


def ratio(name: str, condition: str) -> Figure:
    """Return the mean over worlds of a measure over a condition of its world."""
    return lambda own, _: _over(np.mean, _ratios(own, name, condition))


def within(name: str, condition: str) -> Figure:
    """Return the share of worlds in which a measure does not exceed a condition."""
    return lambda own, _: _over(lambda x: np.mean(x <= 1), _ratios(own, name, condition))


def relative(name: str, group: str = "", wanted: str = "") -> Figure:
    """Return the mean over worlds of a measure over the reference's in the same world.

    Only worlds whose condition ``group`` is ``wanted``, if that is given. NaN without a reference.
    """

    def figure(own: Outcomes, reference: Outcomes) -> float:
        base = {(o.seed, o.case): o.value(name) for o in reference if not group or o.conditions[group] == wanted}
        shared = [(o.value(name), base[o.seed, o.case]) for o in own if base.get((o.seed, o.case), 0.0) > 0]
        return _over(np.mean, np.array([mine / theirs for mine, theirs in shared]))

    return figure


def convergence(own: Outcomes, _: Outcomes) -> float:
    """Return the Kaplan-Meier median of the times to converge, infinite if most never do."""
    return kaplan_meier(_durations(own))


def converged(own: Outcomes, _: Outcomes) -> float:
    """Return the share of events after which flows converged before the next."""
    return _over(np.mean, np.array([not time.censored for time in _durations(own)], np.float64))


def slowdown(name: str, share: float = 0.5) -> Figure:
    """Return the Kaplan-Meier quantile of completion times over their ideal; ``name``: ``completions`` or ``last``."""
    return lambda own, _: kaplan_meier([Duration(s / ideal, late) for s, late, ideal in _rows(own, name)], share)


def waited(name: str, share: float = 0.5) -> Figure:
    """Return the Kaplan-Meier quantile of a measure that is ``[seconds, censored]``, over the worlds that have it."""
    return lambda own, _: kaplan_meier([Duration(*o.values[name]) for o in own if o.values.get(name)], share)


def finished(own: Outcomes, _: Outcomes) -> float:
    """Return the share of transfers that were done before their world ended."""
    return _over(np.mean, np.array([not late for _, late, _ in _rows(own, "completions")], np.float64))


def _rows(own: Outcomes, name: str) -> list[Any]:
    return [row for o in own for row in (o.values[name] if name == "completions" else [o.values[name]])]


def _durations(own: Outcomes) -> list[Duration]:
    return [Duration(seconds, censored) for o in own for seconds, censored in o.values["convergences"]]


def _values(own: Outcomes, name: str) -> NDArray[np.float64]:
    return np.array([o.value(name) for o in own], np.float64)


def _ratios(own: Outcomes, name: str, condition: str) -> NDArray[np.float64]:
    return np.array([o.value(name) / float(o.conditions[condition]) for o in own], np.float64)


def _over(reduce: Callable[[NDArray[np.float64]], Any], values: NDArray[np.float64]) -> float:
    """Return ``reduce`` of the values; NaN without any, and where one is NaN: what failed to count stays visible."""
    return float(reduce(values)) if len(values) else float("nan")


JAIN = Column("jain", "Jain's index", mean("jain"))
UTILISATION = Column("utilisation", "utilisation (%)", mean("utilisation"), 1, percent=True)
UTILISATION_LEAST = Column("utilisation_least", "least (%)", least("utilisation"), 1, percent=True)
QUEUE = Column("queue_ms", "queueing delay (ms)", mean("queue_ms"), 1)
LOST = Column("loss", "lost (%)", mean("loss"), 2, percent=True)
