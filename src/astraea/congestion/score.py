"""All metrics of one simulated world: what :mod:`astraea.congestion.metrics` defines, applied to a result."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.congestion.controllers.catalogue import CONTROLLERS
from astraea.congestion.maxmin import max_min_shares
from astraea.congestion.metrics import (
    Convergence,
    Duration,
    active_in,
    convergence,
    deviation,
    events_of,
    jain,
    kaplan_meier,
    min_max,
    windowed,
)
from astraea.congestion.settings import Settings
from astraea.congestion.simulator.results import Result
from astraea.congestion.simulator.schedules import schedule_of
from astraea.congestion.simulator.settings import LinkSettings, WorldSettings
from astraea.congestion.simulator.state import INF
from astraea.errors import InputError
from astraea.seeding import Purpose, stream

__all__ = [
    "FlowScore",
    "Score",
    "ScoreSettings",
    "Windows",
    "base_rtts_ms",
    "paths_of",
    "plain",
    "queueing_delay",
    "score",
    "shares_of",
    "windows_of",
]

Series = NDArray[np.float64]
Mask = NDArray[np.bool_]


class ScoreSettings(Settings):
    """How the metrics are taken."""

    window_s: float = Field(1.0, gt=0, allow_inf_nan=False, description="length of a window of goodput")
    band: float = Field(0.25, gt=0, lt=1, description="how near to its share a flow counts as converged, in shares")
    hold_s: float = Field(5.0, gt=0, allow_inf_nan=False, description="how long it must stay there")
    settle_s: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="windows so soon after an arrival do not count for Jain's index"
    )


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


@dataclass(frozen=True)
class FlowScore:
    """One flow over its whole life; NaN where it got nothing."""

    name: str
    controller: str
    start_s: float
    end_s: float
    goodput_mbps: float
    rtt_ms: float  # mean over packets
    loss: float  # transmissions declared lost, as a share of those sent
    completion: Duration | None  # from start to last byte; None for a flow without a size


@dataclass(frozen=True)
class Score:
    """One world; NaN for what does not apply, such as fairness among fewer than two flows."""

    jain: float  # mean over windows
    jain_p5: float  # 5th percentile over windows
    min_max: float
    convergences: tuple[Convergence, ...]
    convergence_s: float  # median over events that leave two flows or more (Kaplan-Meier), infinite if most never do
    deviation_mbps: float  # after convergence
    deviation: float  # the same, relative to the mean
    utilisation: float  # of the busiest link
    queue_ms: float  # mean over time
    queue_p95_ms: float  # 95th percentile over time
    loss: float
    completion_s: float  # median over flows with a size (Kaplan-Meier)
    flows: tuple[FlowScore, ...]


def score(result: Result, settings: ScoreSettings | None = None) -> Score:
    """Return the metrics of ``result``, which needs a time series.

    Raises :class:`InputError` if it has none or is shorter than a window.
    """
    chosen = settings or ScoreSettings()
    world = result.settings
    windows = windows_of(result, chosen)
    goodput, active, window_s = windows.goodput, windows.active, windows.window_s
    end = float(result.times_s[-1])
    starts = [flow.start_s for flow in world.flows]
    ends = _ends(result, end)
    events = events_of(starts, ends, end)
    fairness = jain(goodput, windows.counted, _weights(world))
    converged = convergence(
        goodput, shares_of(result, active, window_s), active, events, window_s, band=chosen.band, hold_s=chosen.hold_s
    )
    spread = deviation(goodput, active, converged, window_s)
    delays = queueing_delay(result)
    flows = _flows(result, starts, ends)
    sized = [flow.completion for flow in flows if flow.completion is not None]
    return Score(
        jain=_over(np.mean, fairness),
        jain_p5=_over(lambda x: np.percentile(x, 5), fairness),
        min_max=min_max(goodput, active),
        convergences=tuple(converged),
        convergence_s=kaplan_meier([c.time for c in converged if c.event.flows >= 2]),
        deviation_mbps=float(spread[0]),
        deviation=float(spread[1]),
        utilisation=float(np.max(result.link_utilisation)),
        queue_ms=float(delays.mean()),
        queue_p95_ms=float(np.percentile(delays, 95)),
        loss=float(result.lost.sum() / max(result.sent.sum(), 1)),
        completion_s=kaplan_meier(sized),
        flows=flows,
    )


def windows_of(result: Result, settings: ScoreSettings) -> Windows:
    """Return the goodput of ``result`` by window, and which windows count.

    Raises :class:`InputError` if it has no time series or is shorter than a window.
    """
    world = result.settings
    if not result.times_s.size:
        raise InputError("the world has no time series to score: set sample_ms above 0")
    length = max(round(settings.window_s * 1e3 / world.sample_ms), 1)
    window_s = length * world.sample_ms * 1e-3
    goodput = windowed(result.goodput_mbps, length)
    starts = [flow.start_s for flow in world.flows]
    active = active_in(starts, _ends(result, float(result.times_s[-1])), goodput.shape[1], window_s)
    begin = np.arange(goodput.shape[1]) * window_s
    settled = ~np.any([(s <= begin) & (begin < s + settings.settle_s) for s in starts], axis=0)
    return Windows(goodput, active, settled, window_s)


def base_rtts_ms(world: WorldSettings) -> list[float]:
    """Return every flow's round-trip time without queues and transmission, in ms."""
    return [
        2 * sum(world.links[j].delay_ms for j in path) if flow.rtt_ms is None else flow.rtt_ms
        for flow, path in zip(world.flows, paths_of(world), strict=True)
    ]


def queueing_delay(result: Result) -> Series:
    """Return how long a byte that arrived at each sample would have waited in the queues, in ms, shape ``(samples,)``.

    Of a link: the time in which it carries its backlog, as its capacity goes on. The sum over the links of a flow's
    path, and the mean over the flows present then; 0 where none is.
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
    present = (starts <= times) & (times <= np.array(_ends(result, end))[:, None])
    paths = np.array([[j in path for j in range(len(world.links))] for path in paths_of(world)], np.float64)
    return np.asarray((present * (paths @ waits)).sum(axis=0) / np.maximum(present.sum(axis=0), 1) * 1e3)


def paths_of(world: WorldSettings) -> list[list[int]]:
    """Return the numbers of the links that each flow crosses, in order."""
    numbers = {link.name: j for j, link in enumerate(world.links)}
    return [[numbers[name] for name in flow.path] or list(numbers.values()) for flow in world.flows]


def plain(value: Any) -> Any:
    """Return a score as plain values for JSON, in which NaN and infinity are None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


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


def _ends(result: Result, end: float) -> list[float]:
    flows = zip(result.settings.flows, result.completion_s.tolist(), strict=True)
    given = [(flow, end if flow.end_s is None else min(flow.end_s, end), done) for flow, done in flows]
    return [last if math.isnan(done) else min(flow.start_s + done, last) for flow, last, done in given]


def _weights(world: WorldSettings) -> Series:
    return np.array([flow.parameter if CONTROLLERS[flow.controller].external else 1.0 for flow in world.flows])


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
    paths, weights = paths_of(world), _weights(world)
    demands = np.array([flow.app_mbps or np.inf for flow in world.flows])
    shares = np.zeros(active.shape)
    for k in range(active.shape[1]):
        rows = np.flatnonzero(active[:, k])
        if len(rows):
            some = [paths[i] for i in rows]
            shares[rows, k] = max_min_shares(capacity[:, k], some, weights[rows], demands[rows])
    return shares


def _flows(result: Result, starts: list[float], ends: list[float]) -> tuple[FlowScore, ...]:
    bits = result.settings.packet_bytes * 8e-6
    rows = []
    for i, flow in enumerate(result.settings.flows):
        heard = ~np.isnan(result.rtt_ms[i])
        packets = result.throughput_mbps[i, heard]
        done = float(result.completion_s[i])
        life = max(ends[i] - starts[i], 1e-9)
        rows.append(
            FlowScore(
                name=result.names[i],
                controller=flow.controller,
                start_s=starts[i],
                end_s=ends[i],
                goodput_mbps=float(result.goodput[i] * bits / life),
                rtt_ms=float(np.average(result.rtt_ms[i, heard], weights=packets)) if packets.sum() else float("nan"),
                loss=float(result.lost[i] / max(result.sent[i], 1)),
                completion=None
                if flow.size_bytes is None
                else Duration(life if math.isnan(done) else done, math.isnan(done)),
            )
        )
    return tuple(rows)


def _over(reduce: Any, values: Series) -> float:
    """Return ``reduce`` of the values that are numbers, NaN if there are none."""
    known = values[~np.isnan(values)]
    return float(reduce(known)) if len(known) else float("nan")
