"""Where clients are, and what handing a model from one place to another asks of the links that others share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from astraea.balance.mediators import Places
from astraea.network.layout import lay_out
from astraea.network.settings import Network

__all__ = ["places_of"]


def places_of(network: Network, clients: Sequence[int]) -> Places:
    """Return the sites of ``clients``, in their order, and the cost of a hand-over from site to site, from 0 to 1.

    The cost is the time that a model takes on the shared links from one client to the next, summed over links, and
    relative to the dearest pair of sites: a client's own link has to be crossed in any case. With mediators at the
    server every hand-over crosses the same links whoever is next, so that all costs are 0.
    """
    layout = lay_out(network, clients)
    where = layout.site_of[layout.index(clients)]
    sites, first = np.unique(layout.site_of, return_index=True)
    between = np.zeros((len(network.sites), len(network.sites)))
    if network.placement != "server":
        ends = layout.clients[first]
        pairs = np.repeat(ends, len(ends)), np.tile(ends, len(ends))
        paths, _ = layout.paths(*pairs)
        taken = np.append(1.0 / layout.capacities.peak, 0.0)  # seconds a byte; no link: none
        shared = np.where(paths < len(layout.names), paths, -1)
        cost = taken[shared].sum(axis=1)
        between[np.ix_(sites, sites)] = cost.reshape(len(ends), -1) / max(float(cost.max()), 1e-300)
    return Places(where, between)
