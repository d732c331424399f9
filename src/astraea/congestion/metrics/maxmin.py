"""The weighted max-min fair allocation: what flows that share links should get (Bertsekas and Gallager, 6.5.2).

Progressive filling: all rates rise together, each in proportion to its weight, until a flow has what it asks
for or one of its links is full; that flow stays, the others rise on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.congestion.compiled import compiled
from astraea.congestion.connection.record import Floats, Ints
from astraea.errors import InputError

__all__ = ["fill_shares", "max_min_shares"]

_FULL = 1e-9  # what is left of a full link, in shares of a flow on it: rounding error


def max_min_shares(
    capacities: ArrayLike,
    paths: Sequence[Sequence[int]],
    weights: ArrayLike | None = None,
    demands: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Return each flow's weighted max-min share, shape ``(flows,)``, in the unit of ``capacities``.

    ``capacities`` has shape ``(links,)``; ``paths[i]`` are the numbers of the links that flow ``i`` crosses;
    ``weights`` are positive (1 by default), ``demands`` bound the shares (unbounded by default).
    Raises :class:`InputError` if shapes differ, a path is empty or names a link that is not there, a capacity or
    demand is negative or a weight not positive.
    """
    capacity = np.array(capacities, np.float64)
    flows = len(paths)
    weight = np.ones(flows) if weights is None else np.array(weights, np.float64)
    demand = np.full(flows, np.inf) if demands is None else np.array(demands, np.float64)
    if weight.shape != (flows,) or demand.shape != (flows,):
        raise InputError(f"{flows} paths need as many weights and demands, got {weight.shape} and {demand.shape}")
    if not (np.all(capacity >= 0) and np.all(demand >= 0) and np.all(weight > 0)):
        raise InputError("capacities and demands must not be negative and weights must be above 0")
    for i, path in enumerate(paths):
        if not path or min(path) < 0 or max(path) >= len(capacity):
            raise InputError(f"path {i} is {list(path)}: give at least one link from 0 to {len(capacity) - 1}")
    routes = np.zeros((flows, max(map(len, paths), default=1)), np.int64)
    hops = np.array([len(path) for path in paths], np.int64)
    for i, path in enumerate(paths):
        routes[i, : len(path)] = path
    shares = np.zeros(flows)
    fill_shares(capacity, routes, hops, weight, demand, np.ones(flows, np.uint8), np.zeros(len(capacity)), shares)
    return shares


@compiled
def fill_shares(
    room: Floats, routes: Ints, hops: Ints, weight: Floats, demand: Floats, rising: Ints, load: Floats, shares: Floats
) -> None:
    """Write the shares of the flows that are ``rising`` (1) into ``shares``; others get 0.

    ``room`` comes in as the links' capacities and goes out as what is left of them; ``rising`` goes out as 0;
    ``load`` is room to work in, one number a link.
    """
    flows = len(shares)
    links = len(room)
    left = 0
    for i in range(flows):
        shares[i] = 0.0
        left += rising[i]
    while left > 0:
        for j in range(links):
            load[j] = 0.0
        step = np.inf
        for i in range(flows):
            if rising[i]:
                step = min(step, (demand[i] - shares[i]) / weight[i])
                for hop in range(hops[i]):
                    load[routes[i, hop]] += weight[i]
        bottleneck = -1
        for j in range(links):
            if load[j] > 0.0 and room[j] / load[j] <= step:
                step = room[j] / load[j]
                bottleneck = j
        for i in range(flows):
            if rising[i]:
                shares[i] += step * weight[i]
                for hop in range(hops[i]):
                    room[routes[i, hop]] -= step * weight[i]
        if bottleneck >= 0:
            room[bottleneck] = 0.0
        for i in range(flows):
            if rising[i]:
                stays = shares[i] >= demand[i] * (1.0 - _FULL)
                for hop in range(hops[i]):
                    stays = stays or room[routes[i, hop]] <= _FULL * shares[i]
                if stays:
                    rising[i] = 0
                    left -= 1
