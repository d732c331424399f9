"""A round as it was: the bytes of real messages and the steps that were counted, timed as a plan would be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from astraea.federation.plan import SERVER
from astraea.network.choice import NetworkSettings
from astraea.network.layout import Layout, lay_out
from astraea.network.settings import Network
from astraea.network.transfers import Transfers, visit_seconds

if TYPE_CHECKING:
    from astraea.network.timing import RoundTime

__all__ = ["Exchange", "time_exchanges", "transfers_between"]


class Exchange(NamedTuple):
    """One visit, with its mediator at the server: ``down`` bytes to ``client``, ``steps`` there, ``up`` bytes back."""

    client: int
    down: int
    up: int
    steps: int


def time_exchanges(
    chains: Iterable[Sequence[Exchange]],
    network: Network,
    settings: NetworkSettings,
    round_: int,
    begins: float = 0.0,
) -> RoundTime:
    """Return how long ``chains`` of exchanges take on ``network``, side by side, as round number ``round_`` from 0,
    which begins when ``begins`` seconds of the run are over.

    Raises :class:`InputError` for a client without a site.
    """
    from astraea.network.timing import round_time  # the compiler takes a second to load

    chains = list(chains)
    layout = lay_out(network, [one.client for chain in chains for one in chain])
    transfers = transfers_between(chains, layout, round_)
    return round_time(
        transfers, network, settings.congestion, settings.fidelity, sharing=settings.sharing, begins=begins
    )


def transfers_between(chains: Sequence[Sequence[Exchange]], layout: Layout, round_: int) -> Transfers:
    """Return the transfers of ``chains``: each exchange starts when the one before it in its chain has ended."""
    exchanges = [one for chain in chains for one in chain]
    lengths = [len(chain) for chain in chains]
    client, down, up, steps = np.array(exchanges, np.int64).reshape(-1, 4).T
    n = len(exchanges)
    trained = visit_seconds(client, steps, layout, round_)
    server = np.full(n, SERVER)
    serving = np.full(n, layout.network.server.seconds_per_transfer)
    after = np.arange(-1, 2 * n - 1)
    after[2 * (np.cumsum([0, *lengths])[:-1][np.array(lengths, np.int64) > 0])] = -1
    return Transfers(
        chain=np.repeat(np.repeat(np.arange(len(chains)), lengths), 2),
        source=np.stack([server, client], axis=1).ravel(),
        target=np.stack([client, server], axis=1).ravel(),
        bytes=np.maximum(np.stack([down, up], axis=1).ravel(), 1),
        after=after,
        delay=np.stack([serving, trained], axis=1).ravel(),
        compute=np.stack([np.zeros(n), trained], axis=1).ravel(),
    )
