"""What in a network looks like a mistake of units, though it can be simulated as it stands."""

from __future__ import annotations

from collections.abc import Iterator

from astraea.network.capacities import course_of
from astraea.network.settings import Ends, Network

__all__ = ["doubts_of"]

_SLOW_MBPS = 0.01
_FAST_MBPS = 10_000.0  # of a client
_NEAR_MS = 0.05


def doubts_of(network: Network) -> list[str]:
    """Return a sentence for each value that is far from what links and sites have, and may be in another unit."""
    named: list[tuple[str, Ends, bool]] = [("the server", network.server, False)]
    named += [(f"link '{link.name}'", link, False) for link in network.links]
    named += [(f"site '{site.name or i}'", site, True) for i, site in enumerate(network.sites)]
    return [f"{called}: {doubt}" for called, ends, client in named for doubt in _doubts(ends, client)]


def _doubts(ends: Ends, client: bool) -> Iterator[str]:
    for side, mbps, path in (("up", ends.up_mbps, ends.up_trace), ("down", ends.down_mbps, ends.down_trace)):
        if path is not None:
            most = float(course_of(ends, "up" if side == "up" else "down").mbps.max())
            if most < _SLOW_MBPS or (client and most > _FAST_MBPS):
                yield f"{side}_trace {path.name} carries {most:,g} Mbit/s at most; its second column is in Mbit/s"
        elif mbps is not None and mbps < _SLOW_MBPS:
            yield f"{side}_mbps = {mbps:g} is {mbps * 1e6:,.0f} bit/s; it is in Mbit/s"
    if 0 < ends.delay_ms < _NEAR_MS:
        yield f"delay_ms = {ends.delay_ms:g} is {ends.delay_ms * 1e3:,.3g} µs one way; it is in milliseconds"
