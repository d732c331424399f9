"""What the fluid model knows of each congestion controller: how it starts, and how much of a link it uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from astraea.congestion.controllers.catalogue import self_driven
from astraea.errors import unknown_name

__all__ = ["Profile", "profile_of"]


@dataclass(frozen=True)
class Profile:
    """``growth`` is that of the window in a round trip of slow start; ``efficiency`` the share of a link it fills.

    ``own`` is that share of a link which no other client uses, by default the same. ``recovery`` is the growth in a
    round trip of a window that others have held back: what they leave when they end is taken up no faster.
    ``settling`` is what the end of slow start costs, in control intervals (the larger of 30 ms and half a round trip):
    a controller that stops to look at the path sends that much less.
    """

    growth: float = 2.0
    efficiency: float = 1.0
    recovery: float = np.inf
    settling: float = 0.0
    own: float | None = None


_PROFILES = {
    "cubic": Profile(efficiency=0.98, recovery=1.02),
    "newreno": Profile(efficiency=1.0, recovery=1.05),
    "bbr": Profile(efficiency=1.0, recovery=1.05),
    "bbr3": Profile(efficiency=0.99, recovery=1.02),
    "copa": Profile(efficiency=0.96, recovery=1.1),
    "policy": Profile(efficiency=0.9, recovery=1.2, settling=1.4, own=0.96),
}
"""Fitted by ``benchmarks/network_fidelity.py`` on rounds of 2 to 12 clients; others count as filling links."""


def profile_of(controller: str) -> Profile:
    """Return what is known of ``controller``. Raises :class:`InputError` for one that cannot drive a transfer."""
    if controller not in self_driven():
        raise unknown_name("congestion controller", controller, self_driven())
    return _PROFILES.get(controller, Profile())
