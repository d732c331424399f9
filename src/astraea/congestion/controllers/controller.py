"""What a congestion controller is: a part with a state, compiled functions for its events, and settings."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np
from pydantic import AfterValidator

from astraea.congestion.connection.record import dtype_of
from astraea.errors import InputError
from astraea.parts import Part

__all__ = ["Controller", "Events", "Steered", "state_of"]

Event = Callable[..., Any]


class Events(NamedTuple):
    """The compiled functions of a controller; see the package for when each is called."""

    start: Event
    on_ack: Event | None = None
    on_loss: Event | None = None
    on_mark: Event | None = None
    on_packet_lost: Event | None = None
    on_recovered: Event | None = None
    on_timeout: Event | None = None
    on_undo: Event | None = None
    on_restart: Event | None = None
    act: Event | None = None
    busy: Event | None = None


class NoState:
    """The state of a controller that has none."""

    nothing: int


class Controller(Part, kind="controller", default="cubic"):
    """Base of all controllers. Settings are numbers, which the state holds under their names from ``start`` on."""

    state: ClassVar[type] = NoState
    events: ClassVar[Events]
    conserves: ClassVar[bool] = False
    """Whether proportional rate reduction governs its window during recovery."""
    weighs: ClassVar[bool] = False
    """Whether a flow's ``parameter`` is its weight: how many flows of weight 1 it is to get as much as."""
    sized: ClassVar[bool] = False
    """Whether a flow's ``parameter`` is the packets it has to send, which the simulator then fills in."""
    external: ClassVar[bool] = False
    """Whether it waits for actions from outside at each control interval."""


def state_of(controller: type[Controller]) -> np.dtype[Any]:
    """Return the dtype of a controller's row: its state, and those settings that its state does not name itself.

    Raises :class:`astraea.errors.InputError` for a field that an array has as an attribute already.
    """
    state = dtype_of(controller.state)
    more = [(name, "f8") for name in controller.model_fields if name not in (state.names or ())]
    hidden = {*(state.names or ()), *controller.model_fields} & set(dir(np.recarray))
    if hidden:
        raise InputError(
            f"the state of the controller '{controller.name}' cannot call a field '{min(hidden)}', as arrays have "
            "an attribute of this name: choose another"
        )
    return np.dtype([*state.descr, *more], align=True) if more else state


def _steered(name: str) -> str:
    import_module("astraea.congestion.controllers.catalogue")  # ours are known in any process, whatever it imported
    found = Controller.find(name)
    if not found.external:
        raise InputError(
            f"the controller '{name}' waits for no actions, so nothing can drive it: choose policy or aurora"
        )
    return found.name


Steered = Annotated[str, AfterValidator(_steered)]
"""The name of a controller that waits for actions from outside: ours, or a user's that is registered."""
