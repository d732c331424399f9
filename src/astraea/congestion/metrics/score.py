"""All metrics of one simulated world: what :mod:`astraea.congestion.metrics.definitions` defines, of a result."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from astraea.congestion.metrics.definitions import (
    Convergence,
    Duration,
    convergence,
    deviation,
    events_of,
    jain,
    kaplan_meier,
    min_max,
)
from astraea.congestion.metrics.shares import ends_of, queueing_delay, shares_of, weights_of, windows_of
from astraea.congestion.settings import Settings
from astraea.congestion.simulator.results import Result

__all__ = ["FlowScore", "Score", "ScoreSettings", "score"]

Series = NDArray[np.float64]


class ScoreSettings(Settings):
    """How the metrics are taken."""

    window_s: float = Field(1.0, gt=0, description="length of a window of goodput")
    band: float = Field(0.25, gt=0, lt=1, description="how near to its share a flow counts as converged, in shares")
    hold_s: float = Field(5.0, gt=0, description="how long it must stay there")
    settle_s: float = Field(0.0, ge=0, description="windows so soon after an arrival do not count for Jain's index")


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
    windows = windows_of(result, chosen.window_s, chosen.settle_s)
    goodput, active, window_s = windows.goodput, windows.active, windows.window_s
    end = float(result.times_s[-1])
    starts = [flow.start_s for flow in world.flows]
    ends = ends_of(result, end)
    events = events_of(starts, ends, end)
    fairness = jain(goodput, windows.counted, weights_of(world))
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
                controller=flow.controller.name,
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
