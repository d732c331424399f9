"""The controllers that come with the package, and those that a user has defined."""

from __future__ import annotations

from collections.abc import Iterator

from astraea.congestion.controllers.aurora import Aurora
from astraea.congestion.controllers.bbr import Bbr
from astraea.congestion.controllers.bbr3 import Bbr3
from astraea.congestion.controllers.controller import Controller
from astraea.congestion.controllers.copa import Copa
from astraea.congestion.controllers.cubic import Cubic
from astraea.congestion.controllers.fixed import Fixed
from astraea.congestion.controllers.mltcp import Mltcp
from astraea.congestion.controllers.newreno import NewReno
from astraea.congestion.controllers.policy import Policy
from astraea.congestion.controllers.vegas import Vegas

__all__ = ["BUILT_IN", "controllers", "self_driven"]

BUILT_IN: tuple[type[Controller], ...] = (Fixed, NewReno, Cubic, Vegas, Copa, Bbr, Bbr3, Aurora, Policy, Mltcp)


def controllers() -> dict[str, type[Controller]]:
    """Return the controllers by name: the package's own, then others that have been defined, the last of a name."""
    return {found.name: found for found in (*BUILT_IN, *_below(Controller))}


def _below(kind: type[Controller]) -> Iterator[type[Controller]]:
    for found in kind.__subclasses__():
        if hasattr(found, "events"):
            yield found
        yield from _below(found)


def self_driven() -> tuple[str, ...]:
    """Return the controllers that need nobody outside a simulation: all but those whose policy must be brought."""
    Controller.known()
    return tuple(name for name, found in controllers().items() if not found.external or name == "policy")
