"""How a round shares the network: fairly, or with a plan that knows which chain has the longest way to go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astraea.errors import unknown_name
from astraea.network.bound import Alone
from astraea.network.flows import Flows
from astraea.network.fluid.model import Moments, Sharing, share

__all__ = ["SHARINGS", "flow_weights", "planned", "sharing_of"]

SHARINGS = {
    "fair": "every transfer gets its max-min share, as under any controller that is fair",
    "weighted": "shares in proportion to a weight from 1 to 8, the largest for the longest remaining path",
    "admission": "a few transfers at a time, those with the longest remaining path first",
    "longest-path": "strictly by the longest remaining path",
    "shortest-path": "strictly by the shortest remaining path, the wrong way round for a round's end",
    "planned": "strictly by an order that random insertions into the longest-path order have improved",
}
"""Ways of sharing by name; all of it follows from the plan, which is known when the round begins."""

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

    It needs full knowledge of the round, so it is a mark to measure rules against. ``seed`` draws the insertions.
    """
    order = np.argsort(-_remaining(times), kind="stable")
    rng = np.random.default_rng(seed)

    def sharing(chosen: NDArray[np.int64]) -> Sharing:
        priority = np.empty(len(chosen))
        priority[chosen] = -np.arange(len(chosen), dtype=np.float64)
        return Sharing(priority=priority, strict=True)

    def seconds(moments: Moments) -> float:
        return float(moments.arrived.max(initial=0.0))

    best = seconds(share(flows, sharing(order), growth))
    floor = float((times.head + times.duration + times.tail).max(initial=0.0))
    for _ in range(tries if len(order) > 1 else 0):
        if best <= floor * (1 + 1e-9):
            break
        taken, put = rng.integers(0, len(order), 2)
        changed = np.insert(np.delete(order, taken), put, order[taken])
        reached = seconds(share(flows, sharing(changed), growth))
        if reached <= best:
            best, order = reached, changed
    return sharing(order)


def _remaining(times: Alone) -> NDArray[np.float64]:
    remaining: NDArray[np.float64] = times.duration + times.tail
    return remaining
