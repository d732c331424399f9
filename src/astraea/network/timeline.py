"""One round as bars of time: who downloads, trains, waits and uploads when, and what is on the critical path."""

from __future__ import annotations

from typing import Any

import numpy as np

from astraea.network.timing import RoundTime

__all__ = ["PARTS", "timeline"]

PARTS = ("download", "training", "upload", "held back")
"""What a bar can be. "held back": a transfer that could begin and is not let in yet."""


def timeline(cost: RoundTime, transfers: int = 2_000) -> dict[str, Any]:
    """Return the round of ``cost`` as plain values: ``seconds``, their ``compute``, ``transfer`` and ``waiting``, the
    ``bound``, the number of ``chains``, and ``bars``.

    Of more than so many ``transfers``, bars show the chains that end last: at least one, and the others while there
    is room. A bar has its ``chain``, the ``client`` at work (-1: none), the ``part`` of :data:`PARTS`, the seconds
    ``start`` and ``end``, and whether it is ``critical``. Bars of a chain stand in the order of their transfers, the
    chain that ends last comes last. What is not back by a deadline is cut off there.
    """
    found, moments, last = cost.round.transfers, cost.moments, cost.seconds
    chains, counts = np.unique(found.chain, return_counts=True)
    ends = np.array([np.minimum(moments.arrived[found.chain == chain], last).max() for chain in chains])
    order = np.argsort(ends, kind="stable")
    room = np.cumsum(counts[order][::-1])[::-1] <= transfers  # of a chain and all that end after it
    room[-1:] = True
    critical = set(cost.critical)
    bars: list[dict[str, Any]] = []
    for chain in chains[order[room]].tolist():
        for i in np.flatnonzero((found.chain == chain) & np.isfinite(moments.ready)).tolist():
            down, begun = int(found.target[i]) >= 0, min(float(moments.begun[i]), last)
            ready, arrived = min(float(moments.ready[i]), last), min(float(moments.arrived[i]), last)
            client = int(found.target[i] if down else found.source[i])
            trains = ready - float(cost.round.flows.wait[i])
            parts = [
                ("training", int(found.source[i]), trains, min(trains + float(found.compute[i]), last)),
                ("held back", client, ready, begun),
                ("download" if down else "upload", client, begun, arrived),
            ]
            bars += [
                {
                    "chain": chain,
                    "client": max(who, -1),
                    "part": part,
                    "start": start,
                    "end": end,
                    "critical": i in critical,
                }
                for part, who, start, end in parts
                if end > start
            ]
    split = {"compute": cost.compute, "transfer": cost.transfer, "waiting": cost.waiting, "bound": cost.bound}
    return {"seconds": last, **split, "chains": len(chains), "bars": bars}
