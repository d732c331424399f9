"""Transfers on a layout become flows: bytes on the wire, the links they share, and what their start costs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from astraea.network.capacities import Capacities
from astraea.network.layout import Layout
from astraea.network.transfers import Transfers, strands

__all__ = ["Flows", "flows_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Flows(NamedTuple):
    """``n`` flows over ``L`` links; links are listed in order of the path, with -1 where there is none.

    A link is private if no two flows can be on it at once, since one waits for the other; all others are shared.
    """

    size: Floats  # (n,) bytes on the wire
    after: Ints  # (n,) the flow that must have arrived, or -1
    wait: Floats  # (n,) seconds from then to the first byte: training, the server's time, the handshake
    flight: Floats  # (n,) seconds from a byte's leaving to its arrival
    path: Ints  # (n, hops) all links, in order
    shared: Ints  # (n, H)
    private: Ints  # (n, P)
    window: Floats  # (n,) bytes/s that flow control allows
    opening: Floats  # (n,) bytes/s in the first round trip; inf without slow start
    rtt: Floats  # (n,) seconds without queues, in which the window doubles
    capacities: Capacities
    background: Ints  # (L,) endless flows of others

    @property
    def limit(self) -> Floats:
        """The most that flow control and its own links ever leave each flow in bytes/s, shape ``(n,)``."""
        peak = np.append(self.capacities.peak, np.inf)
        limit: Floats = np.minimum(self.window, peak[self.private].min(axis=1))
        return limit


def flows_of(transfers: Transfers, layout: Layout) -> Flows:
    """Return the flows of ``transfers``. Raises :class:`astraea.errors.InputError` for a circle of them."""
    transport = layout.network.transport
    n = len(transfers.after)
    paths, flight = layout.paths(transfers.source, transfers.target)
    rtt = 2 * flight
    links = len(layout.capacities.first)
    background = np.zeros(links, np.int64)
    background[: len(layout.background)] = layout.background
    common = background > 0
    strand = strands(transfers.after)
    lowest, highest = np.full(links + 1, n), np.full(links + 1, -1)
    for column in paths.T:
        np.minimum.at(lowest, column, strand)
        np.maximum.at(highest, column, strand)
    common |= (lowest < highest)[:links]
    is_common = np.append(common, False)[paths]
    handshake = 0.0
    if transport.connections == "fresh":
        handshake = 2.0 if transport.tls else 1.0
    cold = transport.slow_start and transport.connections != "warm"
    with np.errstate(divide="ignore"):
        window = np.inf if transport.window_bytes is None else transport.window_bytes / rtt
        opening = transport.initial_window * transport.packet_bytes / rtt if cold else np.full(n, np.inf)
    return Flows(
        size=transfers.bytes.astype(np.float64) * (transport.packet_bytes / transport.payload_bytes),
        after=transfers.after,
        wait=transfers.delay + handshake * rtt,
        flight=flight,
        path=paths,
        shared=_packed(paths, is_common),
        private=_packed(paths, ~is_common & (paths >= 0)),
        window=np.broadcast_to(window * (transport.packet_bytes / transport.payload_bytes), (n,)).copy(),
        opening=opening,
        rtt=rtt,
        capacities=layout.capacities,
        background=background,
    )


def _packed(paths: Ints, keep: NDArray[np.bool_]) -> Ints:
    """Return the links to keep, moved to the left of each row."""
    width = max(int(keep.sum(axis=1).max(initial=0)), 1)
    order = np.argsort(~keep, axis=1, kind="stable")[:, :width]
    kept: Ints = np.take_along_axis(np.where(keep, paths, -1), order, axis=1)
    return kept
