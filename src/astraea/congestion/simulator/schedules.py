"""Capacity over time: steps, random walks and traces become rows of the segment table."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.connection.record import INF, rows
from astraea.congestion.simulator.settings import LinkSettings
from astraea.congestion.simulator.state import DELAY, SEGMENT
from astraea.congestion.traces import read_opportunities
from astraea.errors import InputError

__all__ = ["Schedule", "delays_of", "schedule_of", "segments_of"]

_MOST_EXTRA_MS = 1e5
_OPPORTUNITY = 1500  # bytes of one delivery opportunity of a trace
_NEVER = 1e300  # work of a lap that has no end


class Schedule(NamedTuple):
    """Segments of capacity, after which time they repeat (:data:`INF`: never), and the work of a lap in bytes."""

    segments: Any  # rows of SEGMENT; none: constant
    period: int
    work: float


def schedule_of(link: LinkSettings, duration_s: float, rng: np.random.Generator) -> Schedule:
    """Return the capacity of ``link`` over time; ``rng`` draws its random walk.

    Raises :class:`astraea.errors.InputError` if the link would never carry anything again, or for a trace
    that cannot be read.
    """
    if link.steps:
        return _steps(link)
    if link.walk is not None:
        count = int(np.ceil(duration_s / link.walk.every_s))
        drawn = np.cumsum(rng.normal(0.0, link.walk.change, count)) + np.log(link.capacity_mbps)
        low, high = np.log(link.walk.low_mbps), np.log(link.walk.high_mbps)
        return _pieces(np.arange(count) * link.walk.every_s * 1e9, np.exp(_reflect(drawn, low, high)), None)
    if link.trace is not None:
        return _trace(link.trace, link.trace_offset_s)
    return Schedule(rows(0, SEGMENT), INF, _NEVER)


def segments_of(link: LinkSettings, duration_s: float) -> int:
    """Return the most segments that :func:`schedule_of` may give, wherever a trace begins."""
    if link.walk is not None:
        return int(np.ceil(duration_s / link.walk.every_s))
    if link.trace is not None:
        return len(np.flatnonzero(np.diff(_opportunities(link.trace)))) + 2
    return len(link.steps)


def delays_of(link: LinkSettings) -> Any:
    """Return what is added to the delay of ``link`` over time, as rows of DELAY; none: it is constant.

    Raises :class:`astraea.errors.InputError` for steps that do not go forward or take away from the delay.
    """
    table = rows(len(link.delay_steps), DELAY)
    if link.delay_steps:
        table["at"] = np.round(_starts(link, "delay_steps", link.delay_steps))
        extra = np.array([ms for _, ms in link.delay_steps])
        if not ((extra >= 0) & (extra <= _MOST_EXTRA_MS)).all():
            raise InputError(f"the delay_steps of link '{link.name}' must add 0 to {_MOST_EXTRA_MS:g} ms to delay_ms")
        table["extra"] = np.round(extra * 1e6)
    return table


def _starts(link: LinkSettings, name: str, steps: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    """Return when ``steps`` begin, in ns."""
    starts = np.array([at for at, _ in steps]) * 1e9
    if starts[0] != 0 or not (np.diff(starts) > 0).all():
        raise InputError(f"the {name} of link '{link.name}' must begin at 0 s and go forward in time")
    return starts


def _steps(link: LinkSettings) -> Schedule:
    starts = _starts(link, "steps", link.steps)
    rates = np.array([mbps for _, mbps in link.steps])
    if (rates < 0).any() or rates[-1] <= 0:
        raise InputError(f"the steps of link '{link.name}' must be capacities from 0 Mbit/s, the last one above 0")
    return _pieces(starts, rates, None)


def _reflect(values: NDArray[np.floating[Any]], low: float, high: float) -> NDArray[np.floating[Any]]:
    """Fold a walk back into [low, high] at its ends."""
    span = high - low
    if span == 0:
        return np.full_like(values, low)
    folded = np.mod(values - low, 2 * span)
    bounded: NDArray[np.floating[Any]] = low + np.where(folded > span, 2 * span - folded, folded)
    return bounded


def _pieces(starts: NDArray[np.floating[Any]], mbps: NDArray[np.floating[Any]], end: float | None) -> Schedule:
    """Return segments that begin at ``starts`` (ns) with capacities ``mbps``, repeated after ``end`` if given."""
    table = rows(len(starts), SEGMENT)
    bytes_per_ns = mbps / 8e3
    table["at"] = np.round(starts)
    lengths = np.diff(table["at"], append=round(end) if end else table["at"][-1])
    carried = np.cumsum(lengths * bytes_per_ns)
    table["work"][1:] = carried[:-1]
    with np.errstate(divide="ignore"):
        table["ns_per_byte"] = 1.0 / bytes_per_ns
    return Schedule(table, round(end), float(carried[-1])) if end else Schedule(table, INF, _NEVER)


def _trace(path: Path, offset_s: float) -> Schedule:
    counts = _opportunities(path)
    counts = np.roll(counts, -round(offset_s * 1e3) % len(counts))
    edges = np.flatnonzero(np.diff(counts, prepend=-1))  # equal neighbours are one segment
    return _pieces(edges * 1e6, counts[edges] * _OPPORTUNITY * 8e-3, len(counts) * 1e6)


def _opportunities(path: Path) -> NDArray[np.int64]:
    """Return the delivery opportunities of each millisecond; that of time m closes the one before it."""
    return np.bincount(np.maximum(read_opportunities(path), 1) - 1)
