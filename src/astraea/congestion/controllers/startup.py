"""The start-up phase of controllers that actions from outside drive: slow start until the first congestion.

The window doubles every round trip and actions are not applied. It ends at a loss, a congestion mark, or a
round trip whose smallest time exceeds the base by an eighth and at least 4 ms.
"""

from __future__ import annotations

from typing import Any

from astraea.congestion.compiled import inlined
from astraea.congestion.simulator.state import INF

__all__ = ["FIELDS", "begin", "growth"]

FIELDS = [
    ("starting", "i8"),  # whether the phase still runs
    ("round_rtt", "i8"),  # smallest round-trip time of this round
]

_THRESHOLD_MIN = 4_000_000


@inlined
def begin(c: Any) -> None:
    """Begin the phase."""
    c.starting = 1
    c.round_rtt = INF


@inlined
def growth(f: Any, c: Any) -> float:
    """Return by how many packets the window grows with this acknowledgement; ends the phase when it is over."""
    c.round_rtt = min(c.round_rtt, f.last_rtt)
    if f.round_start:
        if c.round_rtt > f.min_rtt + max(f.min_rtt // 8, _THRESHOLD_MIN):
            c.starting = 0
            return 0.0
        c.round_rtt = INF
    return float(f.acked) if f.window_limited else 0.0
