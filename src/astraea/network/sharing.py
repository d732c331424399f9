"""How a round shares the network: fairly, or with a plan that knows which chain has the longest way to go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astraea.errors import unknown_name
from astraea.network.bound import Alone, lower_bound
from astraea.network.choice import SHARINGS
from astraea.network.flows import Flows
from astraea.network.fluid.model import Sharing, gates, share

__all__ = ["FEW", "HEAVIEST", "flow_weights", "planned", "sharing_of"]

FEW = 3
HEAVIEST = 8.0


def sharing_of(name: str, flows: Flows, times: Alone, growth: float = 2.0) -> Sharing:
    """Return the way of sharing called ``name`` for ``flows``. Raises :class:`InputError` for an unknown name."""
    if name == "fair":
        return Sharing()
    if name == "weighted":
        return Sharing(weight=flow_weights(times))
    if name == "admission":
        return Sharing(priority=_remaining(times), few=FEW)
    if name == "longest-path":
        return Sharing(priority=_remaining(times), strict=True)
    if name == "shortest-path":
        return Sharing(priority=-_remaining(times), strict=True)
    if name == "planned":
        return planned(flows, times, growth)
    raise unknown_name("sharing", name, SHARINGS)


def flow_weights(times: Alone) -> NDArray[np.float64]:
    """Return weights from 1 to 8, shape ``(n,)``: the share of the longest remaining path that a flow has before it.

    A controller takes them as ``q_own / weight``: a flow of weight 8 keeps eight times as many packets queued.
    """
    remaining = _remaining(times)
    if not len(remaining):
        return remaining
    share_before = (remaining - remaining.min()) / max(float(np.ptp(remaining)), 1e-300)
    weights: NDArray[np.float64] = 1.0 + (HEAVIEST - 1.0) * share_before
    return weights


def planned(flows: Flows, times: Alone, growth: float = 2.0, tries: int = 600, seed: int = 0) -> Sharing:
    """Return a strict order of ``flows`` found by ``tries`` random insertions, each kept unless the round ends later.

    An insertion puts a flow that others wait for before another one on the same link; every other time it is one
    that the last flow to end has waited for. It needs full knowledge of the round, so it is a mark to measure rules
    against. ``seed`` draws the insertions.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(-_remaining(times), kind="stable")
    best = share(flows, _in_order(order), growth).arrived
    floor = lower_bound(flows, times) * (1 + 1e-9)
    link = gates(flows)
    leads = np.unique(flows.after[flows.after >= 0])
    leads = leads[(link[leads] >= 0) & (np.bincount(link + 1)[link[leads] + 1] > 1)]
    for turn in range(tries if len(leads) else 0):
        if best.max() <= floor:
            break
        candidates = leads
        if turn % 2:
            last = _led_to(flows, int(np.argmax(best)))
            candidates = np.intersect1d(leads, last) if len(last) else leads
        taken = rng.choice(candidates if len(candidates) else leads)
        before = rng.choice(np.flatnonzero((link == link[taken]) & (np.arange(len(link)) != taken)))
        rest = order[order != taken]
        changed = np.insert(rest, int(np.flatnonzero(rest == before)[0]), taken)
        ended = share(flows, _in_order(changed), growth).arrived
        if ended.max() <= best.max():
            best, order = ended, changed
    return _in_order(order)


def _in_order(order: NDArray[np.int64]) -> Sharing:
    priority = np.empty(len(order))
    priority[order] = -np.arange(len(order), dtype=np.float64)
    return Sharing(priority=priority, strict=True)


def _led_to(flows: Flows, last: int) -> list[int]:
    """Return the flows that ``last`` has waited for."""
    found: list[int] = []
    while (last := int(flows.after[last])) >= 0:
        found.append(last)
    return found


def _remaining(times: Alone) -> NDArray[np.float64]:
    remaining: NDArray[np.float64] = times.duration + times.tail
    return remaining
