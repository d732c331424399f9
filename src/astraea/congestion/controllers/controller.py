"""What a congestion controller is: its state, its events and its settings, registered by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from astraea.congestion.connection.record import dtype_of
from astraea.congestion.settings import Settings
from astraea.errors import InputError

__all__ = ["Controller", "Events", "registered", "state_of"]

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


class Controller(Settings):
    """Base of all controllers. A subclass with a ``name`` is registered; its fields are its settings.

    A setting is a number and stands in the controller's state under its own name when ``start`` is called.
    """

    name: ClassVar[str] = ""
    state: ClassVar[type] = NoState
    events: ClassVar[Events]
    conserves: ClassVar[bool] = False
    """Whether proportional rate reduction governs its window during recovery."""
    external: ClassVar[bool] = False
    """Whether it waits for actions from outside at each control interval."""

    def __init_subclass__(cls, *, name: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.name = name
        if not name.replace("-", "_").isidentifier() or name.startswith("_"):
            raise InputError(f"a controller cannot be called '{name}': use letters, digits and dashes")
        known = _REGISTERED.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise InputError(f"the controller '{name}' is there already, in {known.__module__}: choose another name")
        _REGISTERED[name] = cls

    @classmethod
    def summary(cls) -> str:
        """Return what it is, in one line."""
        return (cls.__doc__ or "").strip().splitlines()[0].rstrip(".")


_REGISTERED: dict[str, type[Controller]] = {}


def registered() -> Mapping[str, type[Controller]]:
    """Return the controllers by name."""
    return _REGISTERED


def state_of(controller: type[Controller]) -> np.dtype[Any]:
    """Return the dtype of a controller's row: its state, and those settings that its state does not name itself."""
    state = dtype_of(controller.state)
    more = [(name, "f8") for name in controller.model_fields if name not in (state.names or ())]
    return np.dtype([*state.descr, *more], align=True) if more else state
