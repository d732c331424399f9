"""What the compiled loop of the fluid model works on: rows of numbers for flows, links and groups of flows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

__all__ = ["FLOW", "GROUP", "HEAD", "INTERVAL", "LINK", "ROOT", "ROW", "SETTLING_SHARE", "State", "rows"]


INTERVAL = 0.03
"""The least of a control interval in seconds; else it is half a round trip."""

SETTLING_SHARE = 0.5
"""Of its limit, what a transfer sends while its controller settles."""


def _dtype(floats: str, integers: str) -> np.dtype[Any]:
    return np.dtype([(name, "f8") for name in floats.split()] + [(name, "i8") for name in integers.split()], align=True)


HEAD = _dtype("growth recovery settling when", "by_tree strict few")
"""One row: growth of windows in a round trip, in slow start and once held back; intervals to settle; when a flow
ends; the sharing."""

FLOW = _dtype(
    "left wait flight window opening rtt pause weight priority "  # bytes; seconds; bytes/s
    "cap asked rate since "  # what it could take now, what its gate counts it as, its rate and from when
    "ready begun sent arrived",
    "gate child sibling phase group floats "  # child: the first that waits for it; sibling: the next such
    "stale found hindered settled",
)

LINK = _dtype(
    "capacity period offset scale lap "  # as in Capacities; lap: periods that are over
    "others demand free load",  # endless flows of others; what those let in could take; what is left, and for how many
    "first last row user inside room busy dirty marked",  # user: the flow on a private link
)

GROUP = _dtype("limited floating others level own clock", "link above")
"""Flows behind one shared link: bytes/s of those at their limit, weight of the others, their level."""

ROOT = _dtype("share", "link")
"""A link above groups, and the level that it leaves them."""

ROW = _dtype("start rate", "")
"""A stretch of capacity over time."""


class State(NamedTuple):
    """``n`` flows over ``L`` links, ``G`` groups, ``R`` roots."""

    head: Any  # (1,) HEAD
    flow: Any  # (n,) FLOW
    link: Any  # (L,) LINK
    group: Any  # (G,) GROUP
    roots: Any  # (R,) ROOT
    rows: Any  # (rows,) ROW
    private: Any  # (n, P) links of a flow's own
    routes: Any  # (n, H) links it shares
    seat: Any  # (n, H) where it stands among a link's guests
    guests: Any  # flows on each link, from its room on
    gates: Any  # links before which flows are held
    flows: Any  # (n,) those that an event affects
    links: Any  # (L,)
    heaps: Any


def rows(count: int, dtype: np.dtype[Any]) -> Any:
    """Return ``count`` zeroed rows of ``dtype`` whose fields are attributes."""
    return np.zeros(count, dtype).view(np.recarray)
