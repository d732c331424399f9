"""A network laid out for some clients: every link with its capacity over time, and the path between any two ends.

Ends are numbers: a client is its own number, :data:`SERVER` is the server, and :func:`mediator_at` the number of a
mediator at the clients' end of a shared link. Each direction of a link is a link of its own here, except on a
half-duplex one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.congestion.traces import Trace, read_capacity
from astraea.errors import InputError
from astraea.network.settings import CORE, Network, Site
from astraea.seeding import Purpose, stream

__all__ = ["Capacities", "Layout", "lay_out", "mediator_at"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BYTES = 1e6 / 8  # bytes per second of a Mbit/s


def mediator_at(link: int) -> int:
    """Return the number of the mediator at the clients' end of shared link ``link``."""
    return -2 - link


class Capacities(NamedTuple):
    """Capacity over time of every link: ``scale[l] * rate[k]`` bytes/s from ``offset[l]`` on in rows first to last.

    A constant link has one row. Rows ``first[l] <= k < last[l]`` begin at ``start[k]`` seconds, the first at 0, and
    repeat after ``period[l]``.
    """

    start: Floats  # (rows,)
    rate: Floats  # (rows,)
    first: Ints  # (L,)
    last: Ints
    period: Floats
    offset: Floats
    scale: Floats

    @property
    def peak(self) -> Floats:
        """The largest capacity of each link over time in bytes/s, shape ``(L,)``."""
        spans = np.stack([self.first, self.last], axis=1).ravel()
        padded = np.append(self.rate, 0.0)
        highest: Floats = np.maximum.reduceat(padded, np.minimum(spans, len(self.rate)))[::2]
        return highest * self.scale

    def carried_by(self, seconds: float) -> Floats:
        """Return the bytes that each link could have carried in the first ``seconds``, shape ``(L,)``."""
        could = self.scale * self.rate[self.first] * seconds
        for j in np.flatnonzero(self.last - self.first > 1).tolist():
            rows = slice(int(self.first[j]), int(self.last[j]))
            edges = np.append(self.start[rows], self.period[j])
            work = np.append(0.0, np.cumsum(np.diff(edges) * self.rate[rows]))

            def done(at: float, edges: Floats = edges, work: Floats = work) -> float:
                laps, rest = divmod(at, edges[-1])
                return float(laps * work[-1] + np.interp(rest, edges, work))

            could[j] = self.scale[j] * (done(self.offset[j] + seconds) - done(self.offset[j]))
        return could


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


def lay_out(network: Network, clients: Sequence[int] | Ints, efficiency: float = 1.0) -> Layout:
    """Return the links of ``network`` for ``clients``, filled to ``efficiency`` of what the transport leaves.

    Raises :class:`InputError` for a client that no site takes, or that two sites name.
    """
    chosen = np.unique(np.asarray(clients, np.int64))
    site_of = _sites(network, chosen)
    draw = _Draws(network.seed, int(chosen[-1]) + 1 if len(chosen) else 0, chosen)
    spread = np.array([site.rate_spread for site in network.sites])[site_of]
    steps = np.array([site.step_seconds for site in network.sites])[site_of]
    step_spread = np.array([site.step_spread for site in network.sites])[site_of]
    table = _Table(efficiency * (1.0 - network.transport.ack_share))
    ends = network.server
    names, background = network.shared, [ends.background_flows] * 2
    table.add(ends.up_mbps, ends.up_trace, ends.background_mbps)
    table.add(ends.down_mbps, ends.down_trace, ends.background_mbps)
    for link in network.links:
        background += [link.background_flows] * 2
        table.add(link.up_mbps, link.up_trace, link.background_mbps)
        table.add(link.down_mbps, link.down_trace, link.background_mbps)
    shared = len(names)
    up, down = table.sites(network, site_of, np.exp(spread * draw.normal(0)), draw.uniform(2))
    columns = [np.stack([a, b], axis=1).ravel() for a, b in zip(up, down, strict=True)]
    first, last, period, offset, scale = (
        np.concatenate([head, tail]) for head, tail in zip(table.links(), columns, strict=True)
    )
    return Layout(
        network=network,
        clients=chosen,
        site_of=site_of,
        step_seconds=steps * np.exp(step_spread * draw.normal(1)),
        names=tuple(names[:shared]),
        capacities=Capacities(
            np.array(table.start),
            np.array(table.rate),
            first.astype(np.int64),
            last.astype(np.int64),
            period,
            offset,
            scale,
        ),
        background=np.array(background, np.int64),
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


class _Table:
    """Rows of capacity over time, and which of them each link follows."""

    def __init__(self, usable: float) -> None:
        self.usable = usable
        self.start: list[float] = []
        self.rate: list[float] = []
        self.rows: list[tuple[int, int, float]] = []

    def append(self, trace: Trace, lost: float = 0.0) -> tuple[int, int, float]:
        first = len(self.start)
        self.start += trace.starts_s.tolist()
        self.rate += np.maximum((trace.mbps - lost) * _BYTES, 0.0).tolist()
        return first, len(self.start), trace.period_s

    def add(self, mbps: float, trace: Path | None, background: float) -> None:
        kept = _constant(mbps) if trace is None else read_capacity(trace)
        self.rows.append(self.append(kept, background))

    def links(self) -> tuple[Floats, ...]:
        first, last, period = (np.array(column, np.float64) for column in zip(*self.rows, strict=True))
        return first, last, period, np.zeros(len(first)), np.full(len(first), self.usable)

    def sites(
        self, network: Network, site_of: Ints, factor: Floats, phase: Floats
    ) -> tuple[tuple[Floats, ...], tuple[Floats, ...]]:
        """Return first, last, period, offset and scale of each client's link up, and of its link down."""
        both = []
        for side in ("up", "down"):
            rows = np.zeros((len(network.sites), 3))
            varies = np.zeros(len(network.sites))
            for i, site in enumerate(network.sites):
                path, mbps = getattr(site, f"{side}_trace"), getattr(site, f"{side}_mbps")
                trace = _constant(mbps) if path is None else read_capacity(path)
                if site.away_share:
                    if path is not None:
                        raise InputError(
                            f"site '{site.name or i}' has both away_share and a trace: write absences into the trace"
                        )
                    trace = _away(mbps, site)
                varies[i] = len(trace.starts_s) > 1
                rows[i] = self.append(trace)
            first, last, period = rows[site_of].T
            offset = np.where(varies[site_of] > 0, phase * np.where(np.isfinite(period), period, 0.0), 0.0)
            both.append((first, last, period, offset, factor * self.usable))
        return both[0], both[1]


def _constant(mbps: float) -> Trace:
    return Trace(np.zeros(1), np.full(1, mbps), np.inf)


def _away(mbps: float, site: Site) -> Trace:
    period = site.away_seconds / site.away_share
    return Trace(np.array([0.0, period - site.away_seconds]), np.array([mbps, 0.0]), period)


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
