"""Capacity over time: steps, random walks and mahimahi's traces become rows of the segment table."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.connection.record import INF, rows
from astraea.congestion.simulator.settings import LinkSettings
from astraea.congestion.simulator.state import DELAY, SEGMENT
from astraea.errors import InputError
from astraea.reading import read_bytes

__all__ = ["Schedule", "delays_of", "read_trace", "schedule_of", "segments_of"]

_MOST_MS = 10**8
_MOST_EXTRA_MS = 1e5
_MOST_MBPS = 10**6
_ROUNDING = 1e-9  # of an opportunity
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
        return len(np.flatnonzero(np.diff(_opportunities(link.trace, _version(link.trace))))) + 2
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
    if starts[0] != 0 or not (np.diff(starts) > 0).all() or not np.isfinite(starts).all():
        raise InputError(f"the {name} of link '{link.name}' must begin at 0 s and go forward in time")
    return starts


def _steps(link: LinkSettings) -> Schedule:
    starts = _starts(link, "steps", link.steps)
    rates = np.array([mbps for _, mbps in link.steps])
    if (rates < 0).any() or not np.isfinite(rates).all() or rates[-1] <= 0:
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
    counts = _opportunities(path, _version(path))
    counts = np.roll(counts, -round(offset_s * 1e3) % len(counts))
    edges = np.flatnonzero(np.diff(counts, prepend=-1))  # equal neighbours are one segment
    return _pieces(edges * 1e6, counts[edges] * _OPPORTUNITY * 8e-3, len(counts) * 1e6)


@lru_cache(maxsize=32)
def _opportunities(path: Path, _version: int) -> NDArray[np.int64]:
    """Return the delivery opportunities of each millisecond; that of time m closes the one before it."""
    return np.bincount(np.maximum(read_trace(path), 1) - 1)


def read_trace(path: Path) -> NDArray[np.int64]:
    """Return the delivery opportunities of a trace: a millisecond each, in order, 1500 bytes.

    A line of mahimahi's format is such a millisecond. A line of two numbers is a time in seconds and the capacity in
    Mbit/s from then on; times count from the first, and the last stretch is as long as the one before it. What follows
    a ``#`` is a comment; blank lines at the end are left out. Raises :class:`astraea.errors.InputError` naming the
    line if the file is empty or is not such a trace.
    """
    _version(path)
    lines = [line.partition("#") for line in _text(path).rstrip().splitlines()]
    kept = [(number, text.split()) for number, (text, mark, _) in enumerate(lines, start=1) if text.strip() or not mark]
    if kept and len(kept[0][1]) == 2:
        return _opportunities_of_rates(path, kept)
    times: list[int] = []
    for number, words in kept:
        text = " ".join(words)
        if not (text.isascii() and text.isdecimal()):
            raise InputError(
                f"{path}, line {number}: '{text[:40]}' is not a millisecond, a whole number from 0 (nor does the trace "
                "begin with a line of seconds and Mbit/s)"
            )
        time = int(text) if len(text) < 12 else _MOST_MS + 1
        if time > _MOST_MS:
            raise InputError(f"{path}, line {number}: a trace lasts at most {_MOST_MS:,} ms, which are 28 hours")
        if times and time < times[-1]:
            raise InputError(f"{path}, line {number}: {time} ms comes after {times[-1]} ms; times must not decrease")
        times.append(time)
    if not times or times[-1] == 0:
        raise InputError(f"the trace {path} is empty: it needs a delivery opportunity after 0 ms")
    return np.array(times, np.int64)


def _opportunities_of_rates(path: Path, lines: list[tuple[int, list[str]]]) -> NDArray[np.int64]:
    """Return :func:`read_trace` of lines of seconds and Mbit/s."""
    rows: list[tuple[float, float]] = []
    for number, words in lines:
        try:
            second, mbps = map(float, words)
        except ValueError:
            raise InputError(
                f"{path}, line {number}: '{' '.join(words)[:40]}' is not a time in s and a capacity in Mbit/s"
            ) from None
        if not (0 <= mbps <= _MOST_MBPS and abs(second) <= _MOST_MS):
            raise InputError(f"{path}, line {number}: a capacity lies between 0 and {_MOST_MBPS:,} Mbit/s")
        if rows and not rows[-1][0] < second <= rows[0][0] + _MOST_MS * 1e-3:
            raise InputError(f"{path}, line {number}: times must increase, over at most {_MOST_MS:,} ms")
        rows.append((second, mbps))
    if len(rows) < 2:
        raise InputError(f"the trace {path} has one line: it needs a second, which says how long the first holds")
    times, rates = np.array(rows).T
    edges = np.append(times, 2 * times[-1] - times[-2]) - times[0]
    carried = np.append(0.0, np.cumsum(np.diff(edges) * rates * 1e6 / 8 / _OPPORTUNITY))
    by_ms = np.floor(np.interp(np.arange(1, round(edges[-1] * 1e3) + 1) * 1e-3, edges, carried) + _ROUNDING)
    counts = np.diff(by_ms, prepend=0.0).astype(np.int64)
    found = np.repeat(np.arange(1, len(counts) + 1), counts)
    if not len(found):
        raise InputError(f"the trace {path} carries less than a packet of {_OPPORTUNITY} bytes")
    return found


def _text(path: Path) -> str:
    try:
        return read_bytes(path).decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise InputError(f"the trace {path} cannot be read: {error.strerror}") from None


def _version(path: Path) -> int:
    """Return a number that changes with the file."""
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"the trace {path} cannot be read: {error.strerror}") from None
