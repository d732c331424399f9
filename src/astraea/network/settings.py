"""A network as typed settings: the server, shared links, the sites that clients belong to, and how data is sent."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, field_validator, model_validator

from astraea.congestion.settings import Settings
from astraea.errors import InputError, unknown_name

__all__ = ["CORE", "Ends", "Link", "Network", "Server", "Site", "Transport"]

CORE = "core"
"""Where the server's link and every link that names no other end meet; nothing is ever slow there."""

Rate = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Delay = Annotated[float, Field(ge=0, le=1e5, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Spread = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


class Ends(Settings):
    """What every link has; up is away from a client, down is towards it."""

    up_mbps: Rate | None = Field(None, description="capacity towards the core in Mbit/s; must be set, or up_trace")
    down_mbps: Rate | None = Field(None, description="capacity from the core in Mbit/s; must be set, or down_trace")
    delay_ms: Delay = Field(0.0, description="propagation delay one way in ms")
    buffer_bdp: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        1.0, description="buffer in bandwidth-delay products of the paths across (packets only)"
    )
    loss: Share = Field(
        0.0, description="probability that a packet is lost on the wire, in each direction (packets only)"
    )
    up_trace: Path | None = Field(
        None,
        description="capacity over time in place of up_mbps, from a file beside this one: mahimahi's format, or lines "
        "of 'seconds,Mbit/s' of which the last holds as long as the one before it; repeats",
    )
    down_trace: Path | None = Field(None, description="the same in place of down_mbps")
    outages: tuple[tuple[Seconds, Seconds], ...] = Field(
        (),
        description="when nothing gets through in either direction: pairs of the first and last second of a run, such "
        "as [[3600, 5400]]",
    )

    @model_validator(mode="after")
    def _carries(self) -> Self:
        for side in ("up", "down"):
            if getattr(self, f"{side}_mbps") is None and getattr(self, f"{side}_trace") is None:
                raise ValueError(f"'{side}_mbps' has no default: set it, or name its {side}_trace")
        flat = [second for span in self.outages for second in span]
        if any(b <= a for a, b in itertools.pairwise(flat)):
            raise ValueError(
                "outages must go forward in time, each from its first to a later second and apart from the next"
            )
        return self


class _Shared(Ends):
    """A link that many clients' transfers cross."""

    background_mbps: NotNegative = Field(
        0.0, description="traffic of others in each direction that gives way to nothing, in Mbit/s"
    )
    background_flows: int = Field(
        0, ge=0, description="transfers of others in each direction that never end and share as ours do"
    )

    @model_validator(mode="after")
    def _room(self) -> Self:
        if self.background_mbps >= min(self.up_mbps or np.inf, self.down_mbps or np.inf):
            raise ValueError(f"background_mbps {self.background_mbps} leaves nothing of the link: lower it")
        return self


class Server(_Shared):
    """Where the model lives; ``up_mbps`` is what the server sends with, ``down_mbps`` what it receives with."""

    seconds_per_transfer: Seconds = Field(
        0.0, description="time the server takes before a transfer it sends, to read and serialise the model"
    )


class Link(_Shared):
    """A link that the clients of one or more sites share on their way to the core."""

    name: str = Field(min_length=1, description="name by which sites and other links refer to it")
    to: str = Field(CORE, description="the link that it leads to, or 'core'")
    half_duplex: bool = Field(False, description="whether both directions share one capacity, as on a radio channel")

    @model_validator(mode="after")
    def _one_capacity(self) -> Self:
        if self.half_duplex and (self.up_mbps != self.down_mbps or self.up_trace != self.down_trace):
            raise ValueError("a half-duplex link has one capacity: give up_mbps and down_mbps the same value")
        return self


class Site(Ends):
    """Clients that are connected alike, each by a link of its own with these capacities."""

    name: str = Field("", description="name in tables; empty: its number")
    clients: str | tuple[int, ...] = Field(
        "*",
        description="clients by number: a list, a range '0-99', or '*' for every client that no other entry names "
        "(several such sites take them in turn)",
    )
    link: str = Field(CORE, description="the shared link that its clients are behind, or 'core'")
    rate_spread: Spread = Field(
        0.0, description="standard deviation of the logarithm of capacities over the clients (median as given)"
    )
    step_seconds: Seconds = Field(0.0, description="median time of one optimiser step in seconds")
    step_spread: Spread = Field(0.0, description="standard deviation of the logarithm of step times over the clients")
    visit_spread: Spread = Field(
        0.0, description="standard deviation of the logarithm of a client's step times from visit to visit"
    )
    trace_phase: Literal["drawn", "start"] = Field(
        "drawn",
        description="where in a trace a client is when a run begins: drawn for each from the network's seed, or at the "
        "start for all; from there it follows simulated time from round to round",
    )
    away_share: Share = Field(0.0, description="share of the time in which a client cannot be reached")
    away_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        60.0, description="how long a client is away at a time; when it begins is drawn for each client"
    )

    @field_validator("clients", mode="before")
    @classmethod
    def _numbered(cls, value: Any) -> Any:
        numbers = isinstance(value, list | tuple) and all(type(one) is int for one in value)
        if not numbers and not isinstance(value, str):
            told = repr(value)[:60]
            told = told.lower() if "True" in told or "False" in told else told
            raise ValueError(f"{told} names no clients: write '*', a range such as '0-99', or a list such as [0, 3]")
        return value

    @field_validator("clients")
    @classmethod
    def _readable(cls, value: str | tuple[int, ...]) -> str | tuple[int, ...]:
        if isinstance(value, tuple):
            if not value or min(value) < 0:
                raise ValueError("clients must be numbers from 0, at least one")
            if len(set(value)) < len(value):
                raise ValueError(f"client {max(value, key=value.count)} stands twice in one list: name it once")
            return value
        if value != "*":
            first, dash, last = value.partition("-")
            if not (dash and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
                raise ValueError(f"'{value}' is neither '*', a list of numbers nor a range such as '0-99'")
        return value

    @property
    def named(self) -> tuple[int, ...] | range:
        """The clients that the site names, a range if they are one; none for ``"*"``."""
        if isinstance(self.clients, tuple):
            return self.clients
        first, dash, last = self.clients.partition("-")
        return range(int(first), int(last) + 1) if dash else ()


class Transport(Settings):
    """How a transfer uses its path. Every term can be switched off by itself."""

    connections: Literal["fresh", "kept", "warm"] = Field(
        "kept",
        description="fresh: a handshake before each transfer; kept: none, but slow start again after idling past a "
        "retransmission timeout (RFC 2861), as between two rounds; warm: the window of the last transfer is kept",
    )
    tls: bool = Field(True, description="whether a fresh connection also needs TLS 1.3's round trip (RFC 8446)")
    initial_window: int = Field(10, ge=1, description="packets sent in the first round trip (RFC 6928)")
    slow_start: bool = Field(True, description="whether windows begin small and double each round trip")
    efficiency: bool = Field(True, description="whether a controller fills links as far as it was measured to")
    window_bytes: int | None = Field(
        None,
        ge=1460,
        description="most bytes in flight that HTTP/2 flow control allows: 65,535 in RFC 9113, some megabytes with "
        "gRPC's probing; unset: no limit",
    )
    packet_bytes: int = Field(1500, ge=64, le=9000, description="bytes of a packet on the wire")
    payload_bytes: int = Field(1460, ge=1, description="bytes of the model in such a packet")
    ack_share: Share = Field(
        0.0, description="share of every link that acknowledgements of the other direction take, such as 0.013"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.payload_bytes > self.packet_bytes:
            raise ValueError(f"payload_bytes {self.payload_bytes} does not fit into packets of {self.packet_bytes}")
        return self

    def plain(self) -> Transport:
        """Return a transport without any cost: bytes over capacity and delays alone."""
        return Transport(
            connections="warm",
            slow_start=False,
            efficiency=False,
            payload_bytes=self.packet_bytes,
            packet_bytes=self.packet_bytes,
        )


class Network(Settings):
    """A network of one server, sites of clients, and the links between."""

    name: str = Field("", description="name in tables; by default the file's")
    summary: str = Field("", description="one line on what it stands for")
    sources: tuple[str, ...] = Field((), description="where its numbers come from")
    seed: int = Field(0, ge=0, description="seed of what is drawn: capacities, step times, absences")
    placement: Literal["server", "sites", "clients"] = Field(
        "server",
        description="where mediators are: at the server, at the site that most clients of a chain share, or nowhere: "
        "clients hand the model on to each other",
    )
    deadline_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="time after which a round ends without the chains that are not back; unset: never"
    )
    server: Server = Field(description="the server and its link")
    links: tuple[Link, ...] = Field((), description="links that sites share")
    sites: tuple[Site, ...] = Field(min_length=1, description="where clients are")
    transport: Transport = Field(default_factory=Transport, description="how transfers use their paths")

    @property
    def shared(self) -> list[str]:
        """Names of all shared links, one for each direction: the server's and those of :attr:`links`; empty: unused."""
        names = ["server sends", "server receives"]
        for link in self.links:
            names += [link.name, ""] if link.half_duplex else [f"{link.name} up", f"{link.name} down"]
        return names

    @property
    def lossy(self) -> bool:
        """Whether a link loses packets at random."""
        return any(ends.loss for ends in (self.server, *self.links, *self.sites))

    @property
    def followed_by(self) -> Literal["fluid", "packets"]:
        """The faster way to simulate a round there that can follow it."""
        return "packets" if self.lossy else "fluid"

    def check_fidelity(self, fidelity: str) -> None:
        """Raise :class:`InputError` if a round there cannot be simulated with ``fidelity``."""
        if fidelity == "fluid" and self.lossy:
            raise InputError(
                f"{self.called} loses packets at random, which fluids cannot follow: set network.fidelity to 'packets' "
                "(fidelity='packets' in Python), or leave its loss out"
            )

    @property
    def members(self) -> list[int] | None:
        """The clients that sites name, in order; ``None`` if a site takes every other one."""
        if any(site.clients == "*" for site in self.sites):
            return None
        return sorted(client for site in self.sites for client in site.named)

    @property
    def called(self) -> str:
        """The network as messages name it."""
        return f"network '{self.name}'" if self.name else "the network"

    @model_validator(mode="after")
    def _connected(self) -> Self:
        ends = {link.name: link.to for link in self.links}
        if len(ends) < len(self.links) or CORE in ends:
            raise InputError(f"two links have one name, or one is called '{CORE}': give each its own name")
        for names in (self.shared, [site.name for site in self.sites]):
            twice = [name for name, count in Counter(names).items() if name and count > 1]
            if twice:
                raise InputError(f"two are called '{twice[0]}' in tables: give each link and site a name of its own")
        for i, site in enumerate(self.sites):
            if site.link != CORE and site.link not in ends:
                raise InputError(
                    f"site '{site.name or i}' cannot be reached: {unknown_name('link', site.link, [CORE, *ends])}"
                )
        for name in ends:
            seen = [name]
            while (end := ends[seen[-1]]) != CORE:
                if end not in ends:
                    raise InputError(f"link '{seen[-1]}' leads nowhere: {unknown_name('link', end, [CORE, *ends])}")
                if end in seen:
                    raise InputError(f"links {' -> '.join([*seen, end])} lead in a circle: let one lead to '{CORE}'")
                seen.append(end)
        return self
