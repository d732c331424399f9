"""Which worlds can be emulated, and how controllers are called in the kernel and in the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from astraea.congestion.race import fields_of
from astraea.congestion.simulator.settings import FlowSettings, LinkSettings, WorldSettings
from astraea.congestion.simulator.topology import dumbbell
from astraea.errors import InputError

__all__ = ["FIELDS", "SIMULATED", "check_world", "kernel_world"]

SIMULATED = {"reno": "newreno", "cubic": "cubic", "bbr": "bbr", "vegas": "vegas", "astraea": "policy"}
"""The simulator's counterparts of the kernel's controllers."""

FIELDS = ("name", "start_s", "end_s", "size_bytes", "rtt_ms")
"""What a sender may have of its own; all else is as the kernel does it."""

_LINK_WITHOUT = ("mark_above_bytes", "codel_marks")


def kernel_world(
    senders: Sequence[str], *, stagger_s: float = 0.0, link: Sequence[str] = (), **world: Any
) -> tuple[WorldSettings, tuple[str, ...]]:
    """Return a world in which ``senders`` share one bottleneck, and their controllers' names in the kernel.

    A sender is written ``cubic`` or ``cubic,start_s=5,rtt_ms=80``: a controller of the kernel, then :data:`FIELDS`. One
    without a start begins ``stagger_s`` seconds after the one before it. ``link`` has fields of :class:`LinkSettings`
    written ``name=value``; ``world`` goes to :func:`dumbbell`. In the simulator, flows acknowledge as Linux does, a
    packet in two; one whose controller it lacks stands there as ``fixed``. Raises :class:`InputError`.
    """
    if not senders:
        raise InputError("nobody sends: name controllers of the kernel, such as cubic bbr")
    flows, names = [], []
    for number, text in enumerate(senders):
        name, *changes = text.split(",")
        fields = fields_of(changes, FlowSettings, "sender")
        for field in fields:
            if field not in FIELDS:
                raise InputError(f"'{field}' is the simulator's alone: of its own a sender has {', '.join(FIELDS)}")
        own = {"name": f"{name}-{number}", "start_s": number * stagger_s, "ack_every": 2, **fields}
        flows.append(FlowSettings(**{**own, "controller": SIMULATED.get(name, "fixed")}))
        names.append(name)
    made = dumbbell(flows, link=fields_of(link, LinkSettings, "link"), **world)
    check_world(made)
    return made, tuple(names)


def check_world(world: WorldSettings) -> None:
    """Raise :class:`InputError` for a world that differs from what a relay and Linux's own senders do."""
    if len(world.links) != 1:
        raise InputError(f"one link is emulated, and this world has {len(world.links)}")
    link = world.links[0]
    for field in _LINK_WITHOUT:
        if getattr(link, field) != type(link).model_fields[field].default:
            raise InputError(f"the relay drops packets and marks none: leave out {field}")
    for flow in world.flows:
        for field, info in FlowSettings.model_fields.items():
            if field in (*FIELDS, "controller", "path", "ack_every", "paced"):
                continue
            if getattr(flow, field) != info.default:
                raise InputError(f"{field} of flow '{flow.name}' is the simulator's alone: leave it out")
        if flow.ack_every != 2:
            raise InputError("receivers in Linux acknowledge a packet in two: set ack_every to 2")
        end = world.duration_s if flow.end_s is None else flow.end_s
        if flow.start_s >= min(end, world.duration_s):
            raise InputError(f"flow '{flow.name}' starts at {flow.start_s:g} s, but ends at {end:g} s")
