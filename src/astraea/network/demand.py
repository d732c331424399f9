"""How far a network's shared links are oversubscribed: what decides whether sharing can gain anything."""

from __future__ import annotations

import numpy as np

from astraea.federation.plan import SERVER
from astraea.network.layout import Layout

__all__ = ["oversubscription"]


def oversubscription(layout: Layout) -> dict[str, float]:
    """Return ω of each shared link by name: what all clients behind it could take at once, over its capacity.

    With ω at most 1 the last mile binds and sharing costs nothing; fair sharing of a star costs up to 2ω / (ω + 1)
    times the optimum. A link that both directions share counts with the direction that asks for more.
    """
    server = np.full(len(layout.clients), SERVER)
    peak = layout.capacities.peak
    shared = len(layout.names)
    omega = np.zeros(shared)
    for sources, targets in ((server, layout.clients), (layout.clients, server)):
        paths, _ = layout.paths(sources, targets)
        last_mile = np.where(paths >= shared, peak[paths], 0.0).sum(axis=1)
        asked = np.zeros(shared)
        for column in paths.T:
            on = (column >= 0) & (column < shared)
            np.add.at(asked, column[on], last_mile[on])
        omega = np.maximum(omega, asked / peak[:shared])
    return {name: float(omega[j]) for j, name in enumerate(layout.names) if name}
