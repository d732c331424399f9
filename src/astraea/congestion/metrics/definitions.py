"""How well flows share a network: exact definitions over arrays.

Series have shape ``(flows, windows)``: a flow's mean goodput in each of equal, successive windows of time. A flow
is *active* in a window if it is present from its beginning to its end. Flows come and go at *events*. A flow's
*share* is its weighted max-min share of the links among the active flows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.errors import InputError

__all__ = [
    "Convergence",
    "Duration",
    "Event",
    "active_in",
    "convergence",
    "deviation",
    "events_of",
    "harm",
    "jain",
    "kaplan_meier",
    "min_max",
    "windowed",
]

Series = NDArray[np.float64]
Mask = NDArray[np.bool_]

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Duration:
    """A time in seconds; ``censored`` if what it waits for had not happened by then: the truth is longer."""

    seconds: float
    censored: bool


@dataclass(frozen=True)
class Event:
    """Flows come or go."""

    at_s: float  # when flows came or went
    arrivals: int
    departures: int
    flows: int  # there from then on


@dataclass(frozen=True)
class Convergence:
    """What followed one event: when all active flows had come, and stayed, near their shares."""

    event: Event
    until_s: float  # the next event, or the end
    time: Duration


def windowed(series: ArrayLike, length: int) -> Series:
    """Return the means over windows of ``length`` samples, shape ``(..., samples // length)``; a rest is dropped.

    Raises :class:`InputError` if no window fits.
    """
    values = np.asarray(series, np.float64)
    count = values.shape[-1] // length if length >= 1 else 0
    if count == 0:
        raise InputError(f"{values.shape[-1]} samples do not fill a window of {length}: choose a shorter window")
    return np.asarray(values[..., : count * length].reshape(*values.shape[:-1], count, length).mean(axis=-1))


def active_in(starts_s: ArrayLike, ends_s: ArrayLike, windows: int, window_s: float) -> Mask:
    """Return which flows are active in which window, shape ``(flows, windows)``."""
    starts, ends = np.asarray(starts_s, np.float64)[:, None], np.asarray(ends_s, np.float64)[:, None]
    begin = np.arange(windows) * window_s
    return np.asarray((starts <= begin + _ROUNDING) & (ends >= begin + window_s - _ROUNDING))


def jain(goodput: ArrayLike, active: ArrayLike, weights: ArrayLike | None = None) -> Series:
    """Return Jain's index of the active flows' goodput (by weight) in each window, shape ``(windows,)``.

    ``(sum x)**2 / (n * sum x**2)`` of the ``n`` active flows: 1 if all are equal, ``1 / n`` if one has all
    (Jain, Chiu, Hawe, DEC-TR-301). NaN where fewer than two flows are active or none got anything.
    """
    present = np.asarray(active, np.bool_)
    x = np.where(present, np.asarray(goodput, np.float64), 0.0)
    if weights is not None:
        x = x / np.asarray(weights, np.float64)[:, None]
    n, square = present.sum(axis=0), (x**2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        index = x.sum(axis=0) ** 2 / (n * square)
    return np.where((n >= 2) & (square > 0), index, np.nan)


def min_max(goodput: ArrayLike, active: ArrayLike) -> float:
    """Return smallest over largest mean goodput of all flows, over the windows in which all are active.

    NaN if there is no such window, fewer than two flows, or none got anything.
    """
    values, present = np.asarray(goodput, np.float64), np.asarray(active, np.bool_)
    together = present.all(axis=0)
    if len(values) < 2 or not together.any():
        return float("nan")
    means = values[:, together].mean(axis=1)
    return float(means.min() / means.max()) if means.max() > 0 else float("nan")


def events_of(starts_s: Sequence[float], ends_s: Sequence[float], end_s: float) -> list[Event]:
    """Return when flows came or went, in order.

    Departures with the end of the world at ``end_s`` are none, nor are those that leave nobody behind.
    """
    times = sorted({*starts_s, *(end for end in ends_s if end < end_s - _ROUNDING)})
    events = []
    for time in times:
        left = sum(start <= time < end for start, end in zip(starts_s, ends_s, strict=True))
        if left:
            events.append(Event(time, starts_s.count(time), sum(end == time for end in ends_s), left))
    return events


def convergence(
    goodput: ArrayLike,
    shares: ArrayLike,
    active: ArrayLike,
    events: Sequence[Event],
    window_s: float,
    *,
    band: float = 0.25,
    hold_s: float = 5.0,
) -> list[Convergence]:
    """Return for each of the ``events`` how long the flows took to share the links as they should.

    The time is from the event to the beginning of the first window from which on, for ``hold_s``, every active
    flow's goodput stays within ``band`` of its share, ``|x - share| <= band * share``. All of it must lie before
    the next event; otherwise the time is right-censored at the next event, or at the end of the series.
    """
    values, ideal = np.asarray(goodput, np.float64), np.asarray(shares, np.float64)
    present = np.asarray(active, np.bool_)
    near = np.all(~present | (np.abs(values - ideal) <= band * ideal * (1 + _ROUNDING)), axis=0) & present.any(axis=0)
    count, hold = len(near), max(round(hold_s / window_s), 1)
    results = []
    for number, event in enumerate(events):
        at = event.at_s
        until = events[number + 1].at_s if number + 1 < len(events) else count * window_s
        first = int(np.ceil(at / window_s - _ROUNDING))
        last = int(np.floor(until / window_s + _ROUNDING))
        held = next((k for k in range(first, last - hold + 1) if near[k : k + hold].all()), None)
        time = Duration(until - at, True) if held is None else Duration(held * window_s - at, False)
        results.append(Convergence(event, until, time))
    return results


def deviation(goodput: ArrayLike, active: ArrayLike, converged: Sequence[Convergence], window_s: float) -> Series:
    """Return the standard deviation of goodput over windows after convergence, until the next event.

    A mean over flows and stretches, each weighted by its number of windows: absolute, in the unit of ``goodput``,
    and relative to the flow's own mean in the stretch; shape ``(2,)``. Stretches that never converged do not
    count; NaN if none did.
    """
    values, present = np.asarray(goodput, np.float64), np.asarray(active, np.bool_)
    total, weight = np.zeros(2), 0
    for stretch in converged:
        if stretch.time.censored:
            continue
        first = round((stretch.event.at_s + stretch.time.seconds) / window_s)
        last = int(np.floor(stretch.until_s / window_s + _ROUNDING))
        for flow in np.flatnonzero(present[:, first:last].all(axis=1)):
            x = values[flow, first:last]
            spread, mean = float(x.std()), float(x.mean())
            total += len(x) * np.array([spread, spread / mean if mean > 0 else 0.0])
            weight += len(x)
    return total / weight if weight else np.full(2, np.nan)


def harm(alone: float, beside: float, *, less_is_better: bool = False) -> float:
    """Return the harm that a competitor does: 0 none, 1 all (Ware et al., HotNets'19).

    ``(alone - beside) / alone`` for what should be large, such as goodput, ``(beside - alone) / beside`` for what
    should be small, such as delay; never below 0. Raises :class:`InputError` if what it divides by is not above 0.
    """
    largest, least = (beside, alone) if less_is_better else (alone, beside)
    if not (largest > 0 and least >= 0):
        raise InputError(f"harm compares amounts from 0 with one above 0; got {alone} alone and {beside} beside")
    return max(largest - least, 0.0) / largest


def kaplan_meier(times: Sequence[Duration], quantile: float = 0.5) -> float:
    """Return the time by which the share ``quantile`` of cases is over, from times some of which are censored.

    The product-limit estimate of Kaplan and Meier (1958): the first time at which the estimated share of cases
    not yet over falls to ``1 - quantile`` or below; infinity if it never does, NaN without any case.
    """
    if not times:
        return float("nan")
    survival = 1.0
    for time in sorted({t.seconds for t in times if not t.censored}):
        at_risk = sum(t.seconds >= time for t in times)
        over = sum(t.seconds == time and not t.censored for t in times)
        survival *= 1 - over / at_risk
        if survival <= 1 - quantile + _ROUNDING:
            return time
    return float("inf")
