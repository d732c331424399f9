"""What a simulated world says of its links and flows: goodput by window, queueing delay, and max-min shares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.connection.record import INF
from astraea.congestion.metrics.definitions import active_in, windowed
from astraea.congestion.metrics.maxmin import max_min_shares
from astraea.congestion.simulator.results import Result
from astraea.congestion.simulator.schedules import schedule_of
from astraea.congestion.simulator.settings import LinkSettings, WorldSettings
from astraea.errors import InputError
from astraea.seeding import Purpose, stream

__all__ = [
    "Windows",
    "base_rtts_ms",
    "ends_of",
    "paths_of",
    "queueing_delay",
    "shares_of",
    "weights_of",
    "windows_of",
]

Series = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Windows:
    """The goodput of a world in equal, successive windows of time."""

    goodput: Series  # (flows, windows), Mbit/s
    active: Mask  # (flows, windows), present from its beginning to its end
    settled: Mask  # (windows,), whether it begins long enough after the last arrival
    window_s: float

    @property
    def counted(self) -> Mask:
        """What counts for fairness, shape ``(flows, windows)``."""
        return np.asarray(self.active & self.settled)


def windows_of(result: Result, window_s: float, settle_s: float = 0.0) -> Windows:
    """Return the goodput of ``result`` by window, and which windows count.

    Raises :class:`InputError` if it has no time series or is shorter than a window.
    """
    world = result.settings
    if not result.times_s.size:
        raise InputError("the world has no time series to score: set sample_ms above 0")
    length = max(round(window_s * 1e3 / world.sample_ms), 1)
    window_s = length * world.sample_ms * 1e-3
    goodput = windowed(result.goodput_mbps, length)
    starts = [flow.start_s for flow in world.flows]
    active = active_in(starts, ends_of(result, float(result.times_s[-1])), goodput.shape[1], window_s)
    begin = np.arange(goodput.shape[1]) * window_s
    settled = ~np.any([(s <= begin) & (begin < s + settle_s) for s in starts], axis=0)
    return Windows(goodput, active, settled, window_s)


def base_rtts_ms(world: WorldSettings) -> list[float]:
    """Return every flow's round-trip time without queues and transmission, in ms."""
    return [
        world.delay_ms(path) + world.delay_ms(back or path) if flow.rtt_ms is None else flow.rtt_ms
        for flow, (path, back) in zip(world.flows, world.ways(), strict=True)
    ]


def queueing_delay(result: Result) -> Series:
    """Return how long a byte that arrived at each sample would have waited in the queues, in ms, shape ``(samples,)``.

    Of a link: the time in which it carries its backlog, as its capacity goes on. The sum over the links of a flow's
    path and way back, and the mean over the flows present then; 0 where none is.
    """
    world, times = result.settings, np.asarray(result.times_s, np.float64)
    waits = np.array(
        [
            _carried(link, world, j).wait(times, np.asarray(result.backlog_bytes[j]))
            for j, link in enumerate(world.links)
        ]
    )
    end = float(times[-1])
    starts = np.array([flow.start_s for flow in world.flows])[:, None]
    present = (starts <= times) & (times <= np.array(ends_of(result, end))[:, None])
    ways = [path + back for path, back in world.ways()]
    crossed = np.array([[way.count(j) for j in range(len(world.links))] for way in ways], np.float64)
    return np.asarray((present * (crossed @ waits)).sum(axis=0) / np.maximum(present.sum(axis=0), 1) * 1e3)


def paths_of(world: WorldSettings) -> list[list[int]]:
    """Return the numbers of the links that each flow's data crosses, in order."""
    return [path for path, _ in world.ways()]


def shares_of(result: Result, active: Mask, window_s: float) -> Series:
    """Return the max-min shares of the active flows in Mbit/s, shape ``(flows, windows)``; 0 for others."""
    world = result.settings
    edges = np.arange(active.shape[1] + 1) * window_s
    capacity = np.array(
        [
            np.diff(_carried(link, world, j).by(edges)) / np.diff(edges) * 8e-6 * (1 - link.loss)
            for j, link in enumerate(world.links)
        ]
    )
    paths, weights = paths_of(world), weights_of(world)
    demands = np.array([flow.app_mbps or np.inf for flow in world.flows])
    shares = np.zeros(active.shape)
    for k in range(active.shape[1]):
        rows = np.flatnonzero(active[:, k])
        if len(rows):
            some = [paths[i] for i in rows]
            shares[rows, k] = max_min_shares(capacity[:, k], some, weights[rows], demands[rows])
    return shares


def ends_of(result: Result, end: float) -> list[float]:
    """Return when each flow had sent all it had, or left, in s; at most ``end``, to which the result reaches."""
    flows = zip(result.settings.flows, result.completion_s.tolist(), strict=True)
    given = [(flow, end if flow.end_s is None else min(flow.end_s, end), done) for flow, done in flows]
    return [last if math.isnan(done) else min(flow.start_s + done, last) for flow, last, done in given]


def weights_of(world: WorldSettings) -> Series:
    """Return the weight of each flow, shape ``(flows,)``: 1 but for flows that actions from outside drive."""
    return np.array([flow.parameter if flow.controller.external else 1.0 for flow in world.flows])


@dataclass(frozen=True)
class _Work:
    """Bytes that a link could have carried by a time: straight lines between points."""

    times_s: Series
    work: Series

    def by(self, times_s: Series) -> Series:
        return np.interp(times_s, self.times_s, self.work)

    def wait(self, times_s: Series, backlog: Series) -> Series:
        done = np.interp(self.by(times_s) + backlog, self.work, self.times_s)
        return np.where(backlog > 0, np.maximum(done - times_s, 0.0), 0.0)


def _carried(link: LinkSettings, world: WorldSettings, number: int) -> _Work:
    horizon = 2 * world.duration_s + 60  # longer than any queue lasts
    schedule = schedule_of(link, world.duration_s, stream(world.seed, Purpose.WORLD, 2, number))
    rows = schedule.segments
    if not len(rows):
        return _Work(np.array([0.0, horizon]), np.array([0.0, horizon * link.capacity_mbps * 1e6 / 8]))
    times, work = np.asarray(rows["at"] * 1e-9), np.asarray(rows["work"])
    if schedule.period == INF:  # it holds its last rate
        last = work[-1] + (horizon - times[-1]) * 1e9 / rows["ns_per_byte"][-1]
        return _Work(np.append(times, horizon), np.append(work, last))
    laps = np.arange(math.ceil(horizon * 1e9 / schedule.period))[:, None]
    return _Work((laps * schedule.period * 1e-9 + times).ravel(), (laps * schedule.work + work).ravel())
