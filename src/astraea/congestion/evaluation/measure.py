"""What is kept of a simulated world: plain numbers, from which all tables are made."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from astraea.congestion.metrics.definitions import Convergence, Duration, deviation, jain
from astraea.congestion.metrics.maxmin import max_min_shares
from astraea.congestion.metrics.score import ScoreSettings, score
from astraea.congestion.metrics.shares import paths_of, windows_of
from astraea.congestion.simulator.results import Result

__all__ = ["SETTLE_S", "Values", "against_max_min", "completions", "rivalry", "settled_for", "sharing"]

Values = dict[str, Any]

SETTLE_S = 10.0
"""Windows that begin so soon after an arrival do not count for fairness, unless a suite says otherwise."""


_STRETCH_S = 10.0  # shorter stretches have no late half to speak of


def sharing(result: Result, settle_s: float = SETTLE_S) -> Values:
    """Return how flows shared: what :func:`astraea.congestion.metrics.score.score` finds, with the windows kept apart.

    ``goodput_mbps`` (per flow) and ``min_max`` are over windows that count and in which all flows are active.
    ``fallback`` is the share of the time of flows under a policy in which it was set aside; NaN without such flows.
    ``deviation_late_mbps`` is the deviation in the second half of each stretch of 10 s or more between events,
    converged or not.
    """
    settings = ScoreSettings(settle_s=settle_s)
    found = score(result, settings)
    windows = windows_of(result, settings.window_s, settle_s)
    together = windows.counted.all(axis=0)
    means = windows.goodput[:, together].mean(axis=1) if together.any() else np.full(len(windows.goodput), np.nan)
    halves = [
        Convergence(c.event, c.until_s, Duration((c.until_s - c.event.at_s) / 2, False))
        for c in found.convergences
        if c.event.flows >= 2 and c.until_s - c.event.at_s >= _STRETCH_S
    ]
    fairness = jain(windows.goodput, windows.counted)
    return {
        "jain": found.jain,
        "jain_windows": np.round(fairness[~np.isnan(fairness)], 4).tolist(),
        "min_max": float(means.min() / means.max()) if len(means) > 1 and means.max() > 0 else math.nan,
        "goodput_mbps": means.tolist(),
        "convergences": [[c.time.seconds, c.time.censored] for c in found.convergences if c.event.flows >= 2],
        "deviation_mbps": found.deviation_mbps,
        "deviation_late_mbps": float(deviation(windows.goodput, windows.active, halves, windows.window_s)[0]),
        "utilisation": found.utilisation,
        "queue_ms": found.queue_ms,
        "queue_p95_ms": found.queue_p95_ms,
        "loss": found.loss,
        "fallback": result.fallback,
    }


def settled_for(settle_s: float) -> Any:
    """Return :func:`sharing` with another time to settle."""

    def measure(result: Result) -> Values:
        return sharing(result, settle_s)

    return measure


def against_max_min(result: Result) -> Values:
    """Return :func:`sharing`, and each flow's goodput over its max-min share; ``long_share`` is the first flow's."""
    values = sharing(result)
    world = result.settings
    shares = max_min_shares([link.capacity_mbps * (1 - link.loss) for link in world.links], paths_of(world))
    ratios = np.array(values["goodput_mbps"]) / shares
    return {
        **values,
        "of_share": ratios.tolist(),
        "of_share_least": float(ratios.min()),
        "long_share": float(ratios[0]),
    }


def rivalry(result: Result) -> Values:
    """Return :func:`sharing`, and what the flows ``own`` and ``other`` got of half the link each."""
    values = sharing(result)
    link = result.settings.links[0]
    fair = link.capacity_mbps * (1 - link.loss) / len(result.names)
    got = dict(zip(result.names, values["goodput_mbps"], strict=True))
    return {**values, "own_share": got["own"] / fair, "other_share": got["other"] / fair}


def completions(result: Result) -> Values:
    """Return :func:`sharing`, and in ``completions`` of each flow with a size ``[seconds, censored, ideal]``.

    The ideal is its round-trip time and the transmission of what flows that start with it have to send, alone on
    the first link. ``last`` is the same for the flow that is done last, censored if any is.
    """
    values = sharing(result)
    world = result.settings
    sizes: dict[float, int] = {}
    for flow in world.flows:
        sizes[flow.start_s] = sizes.get(flow.start_s, 0) + (flow.size_bytes or 0)
    rows = []
    for flow, done in zip(world.flows, result.completion_s.tolist(), strict=True):
        if flow.size_bytes is not None and flow.rtt_ms is not None:
            ideal = flow.rtt_ms * 1e-3 + sizes[flow.start_s] * 8e-6 / world.links[0].capacity_mbps
            censored = math.isnan(done)
            rows.append([world.duration_s - flow.start_s if censored else done, censored, ideal])
    last = max(rows, key=lambda row: row[0])
    return {**values, "completions": rows, "last": [last[0], any(row[1] for row in rows), last[2]]}
