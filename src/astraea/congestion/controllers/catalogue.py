"""The controllers that come with the package: the import of its file registers each."""

from __future__ import annotations

from astraea.congestion.controllers.aurora import Aurora
from astraea.congestion.controllers.bbr import Bbr
from astraea.congestion.controllers.bbr3 import Bbr3
from astraea.congestion.controllers.controller import Controller, registered
from astraea.congestion.controllers.copa import Copa
from astraea.congestion.controllers.cubic import Cubic
from astraea.congestion.controllers.fixed import Fixed
from astraea.congestion.controllers.newreno import NewReno
from astraea.congestion.controllers.policy import Policy
from astraea.congestion.controllers.vegas import Vegas
from astraea.errors import unknown_name

__all__ = ["BUILT_IN", "controllers", "find", "self_driven"]

BUILT_IN = (Fixed, NewReno, Cubic, Vegas, Copa, Bbr, Bbr3, Aurora, Policy)


def controllers() -> dict[str, type[Controller]]:
    """Return the controllers by name: the package's own, then others in the order of their registration."""
    return {found.name: found for found in (*BUILT_IN, *registered().values())}


def find(name: str) -> type[Controller]:
    """Return the controller ``name``. Raises :class:`InputError` if there is none, naming the nearest."""
    known = controllers()
    if name not in known:
        raise unknown_name("controller", name, known)
    return known[name]


def self_driven() -> tuple[str, ...]:
    """Return the controllers that need nobody outside a simulation: all but those whose policy must be brought."""
    return tuple(name for name, found in controllers().items() if not found.external or name == "policy")
