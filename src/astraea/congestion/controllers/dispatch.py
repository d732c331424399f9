"""Which controller answers: a flow's number picks the function, all of them compiled into the loop.

The functions below are written by :func:`refresh` for the controllers that are registered: for each event a chain of
comparisons over those that answer it. When one is registered later, worlds that are made from then on have other
arrays, so that what takes them is compiled once more; what it compiles to is cached under a digest of the controllers
that are not the package's own.
"""

from __future__ import annotations

import linecache
import re
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import numpy as np

from astraea.congestion.compiled import cache_under, digest_of, inlined
from astraea.congestion.controllers import catalogue
from astraea.congestion.controllers.controller import Controller, Events, state_of

__all__ = [
    "act",
    "busy",
    "number_of",
    "on_ack",
    "on_loss",
    "on_mark",
    "on_packet_lost",
    "on_recovered",
    "on_restart",
    "on_timeout",
    "on_undo",
    "pick_controls",
    "refresh",
    "start",
    "states",
]

Dispatch = Callable[..., Any]

Controls: Any = None  # a named tuple: an array of states for each controller
start: Dispatch  # (controls, i, f, now), as all without a note; the controller is told the time of the flow's own clock
on_ack: Dispatch
on_loss: Dispatch
on_mark: Dispatch
on_packet_lost: Dispatch  # (controls, i, f, packet, now)
on_recovered: Dispatch
on_timeout: Dispatch
on_undo: Dispatch
on_restart: Dispatch
act: Dispatch  # (controls, i, f, action)
busy: Dispatch  # (controls, i, f): whether actions would not be applied at present
pick_controls: Dispatch  # (controls of many worlds, k)

_ARGUMENTS = dict.fromkeys(Events._fields, "now") | {"on_packet_lost": "packet, now", "act": "action", "busy": ""}
_loaded: tuple[type[Controller], ...] = ()
_states: dict[str, np.dtype[Any]] = {}


@inlined
def own_time(f: Any, now: int) -> int:
    """Return what the clock of flow ``f``'s host shows at ``now``, all in nanoseconds."""
    if f.clock_ppm != 0:
        return int(now + f.clock_ahead + now // 1_000_000 * f.clock_ppm)
    return int(now + f.clock_ahead)


def number_of(name: str) -> int:
    """Return the number of the controller ``name`` in compiled code."""
    return list(catalogue.controllers()).index(name)


def states() -> dict[str, np.dtype[Any]]:
    """Return the row of state of each controller, by name."""
    refresh()
    return _states


def refresh() -> None:
    """Write the functions anew if other controllers are registered than when they were written."""
    global _loaded
    controllers = tuple(catalogue.controllers().values())
    if controllers == _loaded:
        return
    _loaded = controllers
    _states.clear()
    _states.update({controller.name: state_of(controller) for controller in controllers})
    fields = [name if name.isidentifier() else re.sub(r"\W", "_", f"of_{name}") for name in _states]
    space: dict[str, Any] = globals()
    made = namedtuple("Controls", fields, module=__name__)  # type: ignore[misc]
    space["Controls"] = made
    parts: dict[str, Any] = {"inlined": inlined, "own_time": own_time, "Controls": made}
    texts = [f"@inlined\ndef pick_controls(c, k):\n    return Controls({', '.join(f'c.{x}[k]' for x in fields)})\n"]
    for event, more in _ARGUMENTS.items():
        body: list[str] = []
        for number, (field, controller) in enumerate(zip(fields, controllers, strict=True)):
            function = getattr(controller.events, event)
            if function is not None:
                parts[f"{field}_{event}"] = function
                call = f"{field}_{event}(f, c.{field}[i]{', ' if more else ''}{more})"
                body.append(f"    if kind == {number}:\n        return {call}\n" if event == "busy" else
                            f"    {'el' * bool(body)}if kind == {number}:\n        {call}\n")  # fmt: skip
        end = "    return 0\n" if event == "busy" else ("" if body else "    pass\n")
        head = f"@inlined\ndef {event}(c, i, f{', ' if more else ''}{more}):\n    kind = f.controller\n"
        head += "    now = own_time(f, now)\n" if more.endswith("now") else ""
        texts.append(head + "".join(body) + end)
    text = "\n".join(texts)
    own = [c for c in controllers if c not in catalogue.BUILT_IN]
    label = digest_of([(c.name, c.events, state_of(c).descr) for c in own]) if own else ""
    file = f"<dispatch {label or 'of the package'}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), parts)
    space.update({name: parts[name] for name in (*_ARGUMENTS, "pick_controls")})
    cache_under(label)


refresh()
