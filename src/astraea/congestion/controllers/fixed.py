"""A fixed window without reaction: the reference for closed forms, and unresponsive cross traffic."""

from __future__ import annotations

from typing import ClassVar

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import Connection
from astraea.congestion.controllers.controller import Controller, Events

__all__ = ["Fixed", "start"]


@inlined
def start(f: Connection, c: object, now: int) -> None:
    """Hold ``f.parameter`` packets in flight for ever."""
    f.cwnd = f.parameter
    f.ssthresh = f.parameter


class Fixed(Controller, name="fixed"):
    """A fixed window that reacts to nothing."""

    events: ClassVar = Events(
        start=start,
    )
