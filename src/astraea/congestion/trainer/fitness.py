"""How well all flows of a world did together: the return that evolution climbs, one number a world."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from astraea.congestion.metrics.shares import base_rtts_ms, queueing_delay, shares_of, windows_of
from astraea.congestion.settings import Settings
from astraea.congestion.simulator.results import Result

__all__ = ["FitnessSettings", "fitness"]


class FitnessSettings(Settings):
    """What counts how much."""

    window_s: float = Field(1.0, gt=0, description="length of a window of goodput")
    rival_window_s: float = Field(30.0, gt=0, description="the same beside cross traffic, which sways more slowly")
    worst: float = Field(0.5, ge=0, le=1, description="how much the worst quarter of windows counts, beside the mean")
    tolerance: float = Field(0.08, ge=0, description="queueing delay that costs nothing, in base RTTs")
    tolerance_packets: float = Field(2.0, ge=0, description="the same in packets a flow; the larger counts")
    latency: float = Field(1.0, ge=0, description="coefficient of the delay beyond that")
    loss: float = Field(2.0, ge=0, description="coefficient of losses that the wire did not cause")


def fitness(result: Result, settings: FitnessSettings) -> float:
    """Return nearness to the max-min shares less delay and loss; at most 1.

    Nearness in a window is ``1 - mean |goodput - share| / max(goodput, share)`` over the flows present, cross
    traffic included: what is taken from others counts as what is not used. Delay beyond a tolerance counts in
    proportion to base RTT plus tolerance, up to 1, and not where cross traffic fills the queue.
    """
    world = result.settings
    window_s = min(settings.rival_window_s, world.duration_s) if _mixed(result) else settings.window_s
    windows = windows_of(result, window_s)
    goodput, active = windows.goodput, windows.active
    shares = shares_of(result, active, windows.window_s)
    gap = np.where(active, np.abs(goodput - shares) / np.maximum(np.maximum(goodput, shares), 1e-9), 0.0)
    present = active.sum(axis=0)
    near = np.sort(1.0 - gap.sum(axis=0)[present > 0] / present[present > 0])
    worst = near[: max(len(near) // 4, 1)]
    together = (1 - settings.worst) * near.mean() + settings.worst * worst.mean()
    wire = 1.0 - float(np.prod([1.0 - link.loss for link in world.links]))
    lost = max(float(result.lost.sum() / max(result.sent.sum(), 1)) - wire, 0.0)
    return float(together - settings.latency * _latency(result, settings) - settings.loss * lost)


def _mixed(result: Result) -> bool:
    return len({flow.controller.name for flow in result.settings.flows}) > 1


def _latency(result: Result, settings: FitnessSettings) -> float:
    world = result.settings
    if _mixed(result):
        return 0.0
    base = float(np.mean(base_rtts_ms(world)))
    packet = world.packet_bytes * 8e-3 / min(link.capacity_mbps for link in world.links)
    tolerance = max(settings.tolerance * base, settings.tolerance_packets * packet * len(world.flows))
    excess = np.maximum(queueing_delay(result) - tolerance, 0.0) / (base + tolerance)
    return float(np.minimum(excess, 1.0).mean())
