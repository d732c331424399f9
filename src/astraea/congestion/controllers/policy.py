"""The window that a learned policy drives, as a controller: all of it is in :mod:`astraea.congestion.connection`."""

from __future__ import annotations

from typing import ClassVar

from astraea.congestion.connection import window
from astraea.congestion.controllers.controller import Controller, Events

__all__ = ["Policy"]


class Policy(Controller, name="policy"):
    """A window driven from outside, by a learned policy."""

    state: ClassVar = window.State
    weighs: ClassVar = True
    external: ClassVar = True
    events: ClassVar = Events(
        start=window.start,
        on_ack=window.on_ack,
        on_loss=window.on_loss,
        on_mark=window.on_mark,
        on_recovered=window.on_recovered,
        on_timeout=window.on_timeout,
        on_undo=window.on_undo,
        act=window.act,
        busy=window.busy,
    )
