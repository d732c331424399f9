"""What every link of a network carries over time: constants, traces, absences and outages become rows of numbers."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.traces import Trace, read_capacity
from astraea.errors import InputError
from astraea.network.settings import Ends, Network, Site

__all__ = ["Capacities", "capacities_of", "course_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Side = Literal["up", "down"]

_BYTES = 1e6 / 8  # bytes per second of a Mbit/s
_LONG = 1e9  # seconds after the last outage in which nothing changes


class Capacities(NamedTuple):
    """Capacity over time of every link: ``scale[l] * rate[k]`` bytes/s from ``offset[l]`` on in rows first to last.

    A constant link has one row. Rows ``first[l] <= k < last[l]`` begin at ``start[k]`` seconds, the first at 0, and
    repeat after ``period[l]``.
    """

    start: Floats  # (rows,)
    rate: Floats  # (rows,)
    first: Ints  # (L,)
    last: Ints
    period: Floats
    offset: Floats
    scale: Floats

    @property
    def peak(self) -> Floats:
        """The largest capacity of each link over time in bytes/s, shape ``(L,)``."""
        spans = np.stack([self.first, self.last], axis=1).ravel()
        padded = np.append(self.rate, 0.0)
        highest: Floats = np.maximum.reduceat(padded, np.minimum(spans, len(self.rate)))[::2]
        return highest * self.scale

    def carried_by(self, seconds: float) -> Floats:
        """Return the bytes that each link could have carried in the first ``seconds``, shape ``(L,)``."""
        could = self.scale * self.rate[self.first] * seconds
        for j in np.flatnonzero(self.last - self.first > 1).tolist():
            rows = slice(int(self.first[j]), int(self.last[j]))
            edges = np.append(self.start[rows], self.period[j])
            work = np.append(0.0, np.cumsum(np.diff(edges) * self.rate[rows]))

            def done(at: float, edges: Floats = edges, work: Floats = work) -> float:
                laps, rest = divmod(at, edges[-1])
                return float(laps * work[-1] + np.interp(rest, edges, work))

            could[j] = self.scale[j] * (done(self.offset[j] + seconds) - done(self.offset[j]))
        return could

    def blocked(self, links: Ints, start: float, end: float) -> float:
        """Return for how many of the seconds from ``start`` to ``end`` at least one of ``links`` carries nothing."""
        spans: list[tuple[float, float]] = []
        for j in links[self.last[links] - self.first[links] > 1].tolist():
            rows = slice(int(self.first[j]), int(self.last[j]))
            edges, lap = np.append(self.start[rows], self.period[j]), float(self.period[j])
            dead = np.flatnonzero(self.rate[rows] == 0)
            laps = np.arange((start + self.offset[j]) // lap, (end + self.offset[j]) // lap + 1) * lap - self.offset[j]
            first = np.maximum(np.add.outer(laps, edges[dead]).ravel(), start)
            last = np.minimum(np.add.outer(laps, edges[dead + 1]).ravel(), end)
            spans += zip(first[last > first].tolist(), last[last > first].tolist(), strict=True)
        total, until = 0.0, start
        for first_, last_ in sorted(spans):
            total += max(last_ - max(first_, until), 0.0)
            until = max(until, last_)
        return total


def course_of(ends: Ends, side: Side, begins: float = 0.0, called: str = "a link") -> Trace:
    """Return what ``ends`` carry over time in one direction, in Mbit/s, before spreads and what a transport costs.

    Outages are counted from ``begins`` seconds on. Raises :class:`InputError` for several reasons to vary at once.
    """
    path, mbps = (ends.up_trace, ends.up_mbps) if side == "up" else (ends.down_trace, ends.down_mbps)
    away = ends if isinstance(ends, Site) and ends.away_share else None
    if (path is not None) + (away is not None) + bool(ends.outages) > 1:
        reasons = [("away_share", away is not None), ("outages", bool(ends.outages)), ("a trace", path is not None)]
        both = " and ".join([name for name, given in reasons if given][:2])
        raise InputError(f"{called} has both {both}: write absences into the trace, or keep one of them")
    if path is not None:
        return read_capacity(path)
    assert mbps is not None  # the settings have seen to it
    if away is not None:
        period = away.away_seconds / away.away_share
        return Trace(np.array([0.0, period - away.away_seconds]), np.array([mbps, 0.0]), period)
    return _interrupted(mbps, ends.outages, begins)


def capacities_of(
    network: Network, site_of: Ints, factor: Floats, phase: Floats, usable: float, begins: float
) -> Capacities:
    """Return the capacities of the server's link, each shared link and each client's, a link for each direction.

    ``site_of``, ``factor`` and ``phase`` ``(K,)`` are each client's site, the factor on its capacities, and where from
    0 to 1 in what repeats it begins; ``usable`` is the factor on shared links.
    """
    table = _Table(begins)
    for ends, called in ((network.server, "the server"), *((link, f"link '{link.name}'") for link in network.links)):
        for side in ("up", "down"):
            course = course_of(ends, side, begins, called)
            table.shared(course, usable, ends.background_mbps, repeats=not ends.outages)
    up, down = (table.sites(network, side, site_of, factor, phase) for side in ("up", "down"))
    columns = [np.stack([a, b], axis=1).ravel() for a, b in zip(up, down, strict=True)]
    first, last, period, offset, scale = (
        np.concatenate([head, tail]) for head, tail in zip(table.links(), columns, strict=True)
    )
    return Capacities(
        np.array(table.start),
        np.array(table.rate),
        first.astype(np.int64),
        last.astype(np.int64),
        period,
        offset,
        scale,
    )


class _Table:
    """Rows of capacity over time, and which of them each link follows, ``begins`` seconds of a run being over."""

    def __init__(self, begins: float) -> None:
        self.begins = begins
        self.start: list[float] = []
        self.rate: list[float] = []
        self.rows: list[tuple[float, ...]] = []

    def append(self, trace: Trace, lost: float = 0.0) -> tuple[int, int, float]:
        first = len(self.start)
        self.start += trace.starts_s.tolist()
        self.rate += np.maximum((trace.mbps - lost) * _BYTES, 0.0).tolist()
        return first, len(self.start), trace.period_s

    def shared(self, course: Trace, usable: float, background: float, *, repeats: bool) -> None:
        offset = self.begins % course.period_s if repeats and len(course.starts_s) > 1 else 0.0
        self.rows.append((*self.append(course, background), offset, usable))

    def links(self) -> tuple[Floats, ...]:
        return tuple(np.array(column, np.float64) for column in zip(*self.rows, strict=True))

    def sites(self, network: Network, side: Side, site_of: Ints, factor: Floats, phase: Floats) -> tuple[Floats, ...]:
        """Return first, last, period, offset and scale of each client's link in one direction."""
        rows = np.zeros((len(network.sites), 3))
        drawn, repeats = np.zeros(len(network.sites)), np.zeros(len(network.sites))
        for i, site in enumerate(network.sites):
            course = course_of(site, side, self.begins, f"site '{site.name or i}'")
            rows[i] = self.append(course)
            repeats[i] = len(course.starts_s) > 1 and not site.outages
            drawn[i] = bool(site.away_share) or site.trace_phase == "drawn"
        first, last, period = rows[site_of].T
        lap = np.where(repeats[site_of] > 0, period, 1.0)
        offset = np.where(repeats[site_of] > 0, (drawn[site_of] * phase * lap + self.begins) % lap, 0.0)
        return first, last, period, offset, factor


def _interrupted(mbps: float, outages: tuple[tuple[float, float], ...], begins: float) -> Trace:
    starts, rates = [0.0], [mbps]
    for first, last in outages:
        if last <= begins:
            continue
        if first <= begins:
            rates[0] = 0.0
        else:
            starts.append(first - begins)
            rates.append(0.0)
        starts.append(last - begins)
        rates.append(mbps)
    return Trace(np.array(starts), np.array(rates), starts[-1] + _LONG if len(starts) > 1 else np.inf)
