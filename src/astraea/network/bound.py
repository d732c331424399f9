"""A certified lower bound on a round's time, whatever shares the links and whoever knows what.

On one link, no order of transfers can beat Jackson's preemptive schedule of them, each with a head (the earliest that
its first byte can be there) and a tail (the least time from its last byte to the round's end): serve the longest tail
of those that are there (Jackson 1955; Carlier and Pinson 1989). Sharing a link as a fluid does not help, since bytes
can be reordered so that every transfer ends as early. The bound is the largest of these over links, and of the time
of each chain alone. Links that vary count with their largest capacity.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astraea.network.flows import Flows
from astraea.network.fluid.state import INTERVAL, SETTLING_SHARE
from astraea.network.transfers import depth_order

__all__ = ["Alone", "alone", "jackson", "lower_bound"]

Floats = NDArray[np.float64]


class Alone(NamedTuple):
    """What each flow takes with the network to itself, shape ``(n,)``: its head, its duration and its tail, in s."""

    head: Floats  # from the round's start to its first byte
    duration: Floats  # from its first byte sent to its last
    tail: Floats  # from its last byte sent to the end of the last chain that waits for it


def alone(flows: Flows, growth: float = 2.0, settling: float = 0.0) -> Alone:
    """Return heads, durations and tails of ``flows``.

    ``growth`` is that of a window in slow start, whose end costs ``settling`` control intervals.
    """
    peak = np.append(flows.capacities.peak, np.inf)
    limit = np.minimum(flows.limit, peak[flows.shared].min(axis=1))
    duration = _duration(flows, limit, growth, settling)
    n = len(flows.after)
    head, tail = flows.wait.copy(), flows.flight.copy()
    order = depth_order(flows.after).tolist()
    after, wait, flight = flows.after.tolist(), flows.wait.tolist(), flows.flight.tolist()
    heads, tails, durations = head.tolist(), tail.tolist(), duration.tolist()
    for i in order:
        if after[i] >= 0:
            k = after[i]
            heads[i] = heads[k] + durations[k] + flight[k] + wait[i]
    for i in reversed(order):
        if after[i] >= 0:
            k = after[i]
            tails[k] = max(tails[k], flight[k] + wait[i] + durations[i] + tails[i])
    return Alone(np.array(heads).reshape(n), duration, np.array(tails).reshape(n))


def lower_bound(flows: Flows, times: Alone) -> float:
    """Return a time in seconds before which the round of ``flows`` cannot end; 0 without flows."""
    if not len(flows.after):
        return 0.0
    best = float((times.head + times.duration + times.tail).max())
    peak = flows.capacities.peak
    for j in np.unique(flows.shared[flows.shared >= 0]).tolist():
        here = (flows.shared == j).any(axis=1)
        best = max(best, jackson(times.head[here], flows.size[here] / peak[j], times.tail[here]))
    return best


def jackson(head: Floats, work: Floats, tail: Floats) -> float:
    """Return the least possible maximum of end plus tail for jobs on one machine that may be interrupted.

    ``head``, ``work`` and ``tail`` have shape ``(n,)``, in seconds. O(n log n).
    """
    order = np.argsort(head, kind="stable").tolist()
    heads, left, tails = head.tolist(), work.tolist(), tail.tolist()
    waiting: list[tuple[float, int]] = []
    now, worst, k = 0.0, 0.0, 0
    while waiting or k < len(order):
        if not waiting:
            now = max(now, heads[order[k]])
        while k < len(order) and heads[order[k]] <= now:
            heapq.heappush(waiting, (-tails[order[k]], order[k]))
            k += 1
        i = waiting[0][1]
        until = heads[order[k]] if k < len(order) else np.inf
        if now + left[i] <= until:
            heapq.heappop(waiting)
            now += left[i]
            worst = max(worst, now + tails[i])
        else:
            left[i] -= until - now
            now = until
    return float(worst)


def _duration(flows: Flows, limit: Floats, growth: float, settling: float) -> Floats:
    """Return how long each flow sends alone: the window doubles each round trip until ``limit``."""
    rate = np.minimum(flows.opening, limit)
    left = flows.size.astype(np.float64)
    duration = np.zeros(len(left))
    opening = rate < limit
    while opening.any():
        sent = rate * flows.rtt
        whole = opening & (sent < left)
        ends = opening & ~whole
        duration[ends] += left[ends] / rate[ends]
        left[ends] = 0.0
        duration[whole] += flows.rtt[whole]
        left[whole] -= sent[whole]
        rate[whole] = np.minimum(rate[whole] * growth, limit[whole])
        opening = whole & (rate < limit)
    if settling > 0:
        slow = SETTLING_SHARE * limit
        pause = settling * np.maximum(INTERVAL, flows.rtt / 2) / (1.0 - SETTLING_SHARE)
        meanwhile = np.where(flows.opening < limit, np.minimum(left, slow * pause), 0.0)
        duration += meanwhile / slow
        left -= meanwhile
    duration += left / rate
    return duration
