"""How a policy outside the world takes part: it answers a flow's closed control interval with an action."""

from __future__ import annotations

from typing import Any

from astraea.congestion.compiled import compiled
from astraea.congestion.controllers import policy
from astraea.congestion.simulator.state import ACTIVE

__all__ = ["act"]


@compiled
def act(w: Any, i: int, action: float) -> None:
    """Apply ``action`` in [-1, 1] to the window of flow ``i``, at the world's present time."""
    f = w.flows[i]
    if f.phase == ACTIVE:
        policy.act(f, w.controls.policy[i], action)
        f.release_at = w.clock[0].now  # a wider window may let it send at once
