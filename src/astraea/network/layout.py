"""A network laid out for some clients: every link with its capacity over time, and the path between any two ends.

Ends are numbers: a client is its own number, :data:`SERVER` is the server, and :func:`mediator_at` the number of a
mediator at the clients' end of a shared link. Each direction of a link is a link of its own here, except on a
half-duplex one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.errors import InputError
from astraea.network.capacities import Capacities, capacities_of
from astraea.network.settings import CORE, Network, Site
from astraea.seeding import Purpose, stream

__all__ = ["Layout", "lay_out", "mediator_at"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def mediator_at(link: int) -> int:
    """Return the number of the mediator at the clients' end of shared link ``link``."""
    return -2 - link


@dataclass(frozen=True)
class Layout:
    """The links of a network for ``clients``, an increasing array of their numbers, shape ``(K,)``."""

    network: Network
    clients: Ints
    site_of: Ints  # (K,) which site each belongs to
    step_seconds: Floats  # (K,) a client's median time of a step
    names: tuple[str, ...]  # of the links that are shared, in order of number; empty: not used
    capacities: Capacities  # of all links: the shared ones, then up and down of each client
    background: Ints  # (shared,) endless transfers of others on each
    loss: Floats  # (L,) probability that a packet is lost on each link
    begins: float  # seconds of a run that are over

    def index(self, clients: ArrayLike) -> Ints:
        """Return where ``clients`` stand in :attr:`clients`."""
        return np.searchsorted(self.clients, np.asarray(clients, np.int64))

    def site(self, client: int) -> Site:
        """Return the site of ``client``."""
        return self.network.sites[int(self.site_of[self.index(client)])]

    def paths(self, sources: Ints, targets: Ints) -> tuple[Ints, Floats]:
        """Return the links between ends, shape ``(n, hops)`` filled up with -1, and delays one way in seconds."""
        kinds = len(self.network.sites) + len(self.network.links) + 2
        pairs, which = np.unique(self._kind(sources) * kinds + self._kind(targets), return_inverse=True)
        trunks = [self._trunk(int(pair) // kinds, int(pair) % kinds) for pair in pairs]
        width = 2 + max((len(trunk) for trunk, _ in trunks), default=0)
        paths = np.full((len(sources), width), -1, np.int64)
        delays = np.zeros(len(sources))
        for pair, (trunk, delay) in enumerate(trunks):
            rows = which == pair
            paths[rows, 1 : 1 + len(trunk)] = trunk
            delays[rows] = delay
        shared = len(self.names)
        last_mile = np.array([site.delay_ms for site in self.network.sites]) * 1e-3
        for column, ends, down in ((0, sources, 0), (width - 1, targets, 1)):
            rows = ends >= 0
            where = self.index(ends[rows])
            paths[rows, column] = shared + 2 * where + down
            delays[rows] += last_mile[self.site_of[where]]
        return paths, delays

    def _kind(self, ends: Ints) -> Ints:
        """Return an end's kind: a client's site, and further numbers for the server and mediators."""
        kinds = np.where(ends < 0, len(self.network.sites) - 1 - ends, 0)
        clients = ends >= 0
        kinds[clients] = self.site_of[self.index(ends[clients])]
        return kinds

    def _trunk(self, source: int, target: int) -> tuple[list[int], float]:
        """Return the shared links from one kind of end to another, and their delay in seconds."""
        ups, downs = self._climb(source), self._climb(target)
        while ups and downs and ups[-1] == downs[-1] and ups[-1] >= 0:
            ups.pop()
            downs.pop()
        network = self.network
        delay = sum(network.server.delay_ms if j < 0 else network.links[j].delay_ms for j in (*ups, *downs))
        up = [0 if j < 0 else self._number(j, down=False) for j in ups]
        down = [1 if j < 0 else self._number(j, down=True) for j in reversed(downs)]
        return [*up, *down], delay * 1e-3

    def _climb(self, kind: int) -> list[int]:
        """Return the shared links from a kind of end up to the core; -1 stands for the server's."""
        network = self.network
        numbers = {link.name: j for j, link in enumerate(network.links)}
        above = kind - len(network.sites)
        if above == 0:
            return [-1]
        at = network.sites[kind].link if above < 0 else network.links[above - 1].name
        climbed = []
        while at != CORE:
            climbed.append(numbers[at])
            at = network.links[climbed[-1]].to
        return climbed

    def _number(self, link: int, down: bool) -> int:
        return 2 + 2 * link + (down and not self.network.links[link].half_duplex)


def lay_out(
    network: Network,
    clients: Sequence[int] | Ints,
    efficiency: float = 1.0,
    begins: float = 0.0,
    own: float | None = None,
) -> Layout:
    """Return the links of ``network`` for ``clients``, filled to ``efficiency`` of what the transport leaves.

    Clients' own links are filled to ``own``, by default as others are.

    ``begins`` seconds of a run are over: traces, absences and outages go on from there.

    Raises :class:`InputError` for a client that no site takes, or that two sites name.
    """
    chosen = np.unique(np.asarray(clients, np.int64))
    site_of = _sites(network, chosen)
    draw = _Draws(network.seed, int(chosen[-1]) + 1 if len(chosen) else 0, chosen)
    spread = np.array([site.rate_spread for site in network.sites])[site_of]
    steps = np.array([site.step_seconds for site in network.sites])[site_of]
    step_spread = np.array([site.step_spread for site in network.sites])[site_of]
    names, background = network.shared, [network.server.background_flows] * 2
    for link in network.links:
        background += [link.background_flows] * 2
    left = 1.0 - network.transport.ack_share
    filled = left * (efficiency if own is None else own)
    return Layout(
        network=network,
        clients=chosen,
        site_of=site_of,
        step_seconds=steps * np.exp(step_spread * draw.normal(1)),
        names=tuple(names),
        capacities=capacities_of(
            network, site_of, filled * np.exp(spread * draw.normal(0)), draw.uniform(2), efficiency * left, begins
        ),
        background=np.array(background, np.int64),
        loss=np.repeat(
            [network.server.loss, *(link.loss for link in network.links), *(network.sites[i].loss for i in site_of)], 2
        ),
        begins=begins,
    )


class _Draws:
    """What is drawn for each client: the same whoever else takes part."""

    def __init__(self, seed: int, count: int, chosen: Ints) -> None:
        self.seed, self.count, self.chosen = seed, count, chosen

    def normal(self, what: int) -> Floats:
        drawn: Floats = stream(self.seed, Purpose.NETWORK, what).standard_normal(self.count)
        return drawn[self.chosen]

    def uniform(self, what: int) -> Floats:
        drawn: Floats = stream(self.seed, Purpose.NETWORK, what).random(self.count)
        return drawn[self.chosen]


def _sites(network: Network, clients: Ints) -> Ints:
    """Return the site of each client."""
    site_of = np.full(len(clients), -1, np.int64)
    for i, site in enumerate(network.sites):
        named = site.named
        among = (clients >= named.start) & (clients < named.stop) if isinstance(named, range) else None
        mine = np.isin(clients, np.array(named, np.int64)) if among is None else among
        if (site_of[mine] >= 0).any():
            twice = int(clients[mine & (site_of >= 0)][0])
            raise InputError(f"client {twice} belongs to two sites of {network.called}: name it once")
        site_of[mine] = i
    rest = [i for i, site in enumerate(network.sites) if site.clients == "*"]
    missing = site_of < 0
    if missing.any():
        if not rest:
            raise InputError(
                f"client {int(clients[missing][0])} has no site: {network.called} is for "
                f'{sum(len(site.named) for site in network.sites)} clients; add a site with clients = "*"'
            )
        site_of[missing] = np.array(rest)[clients[missing] % len(rest)]
    return site_of
