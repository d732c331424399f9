"""How a policy outside the world takes part: it answers a flow's closed control interval with an action."""

from __future__ import annotations

from astraea.congestion.compiled import compiled
from astraea.congestion.controllers import dispatch
from astraea.congestion.simulator.state import ACTIVE, World

__all__ = ["act"]


@compiled
def act(w: World, i: int, action: float) -> bool:
    """Apply ``action`` in [-1, 1] to flow ``i``, at the world's present time.

    Returns whether it was applied: not if it is NaN or out of range, if nothing outside drives the flow, or if
    the flow is not active.
    """
    f = w.flows[i]
    if f.phase != ACTIVE or not f.external or not -1.0 <= action <= 1.0:
        return False
    dispatch.act(w.controls, i, f, action)
    f.release_at = w.clock[0].now  # a wider window may let it send at once
    return True
