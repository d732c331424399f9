"""Flows under named controllers on one link: from a few words to a world, watched while it runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from astraea.congestion.controllers.catalogue import self_driven
from astraea.congestion.controllers.controller import Controller
from astraea.congestion.play import Playing
from astraea.congestion.simulator.results import Result
from astraea.congestion.simulator.settings import FlowSettings, LinkSettings, WorldSettings
from astraea.congestion.simulator.topology import dumbbell
from astraea.congestion.traces import read_capacity
from astraea.errors import InputError, unknown_name
from astraea.parts.imports import Typed

__all__ = ["fields_of", "race_world", "watch"]


def race_world(
    flows: Sequence[str],
    *,
    stagger_s: float = 0.0,
    link: Sequence[str] = (),
    duration_s: float = 30.0,
    **world: Any,
) -> WorldSettings:
    """Return a world in which all ``flows`` share one bottleneck.

    A flow is written ``cubic`` or ``cubic,start_s=5,rtt_ms=80``: a controller, by name or import path, then settings
    of its own and fields of :class:`FlowSettings`. One without a start begins ``stagger_s`` seconds after the one
    before it. ``link`` has fields of :class:`LinkSettings` written ``name=value``; ``world`` goes to :func:`dumbbell`.
    With a trace, its mean stands for the capacity, by which the buffer is measured. Raises :class:`InputError` for a
    flow or a field that cannot be, and for a controller that waits for actions.
    """
    if not flows:
        raise InputError(f"nobody takes part: name controllers, such as cubic bbr (known: {', '.join(self_driven())})")
    entries = [_flow(text, number * stagger_s) for number, text in enumerate(flows)]
    late = [flow.start_s for flow in entries if flow.start_s >= duration_s]
    if late:
        raise InputError(f"a flow starts at {max(late):g} s, but the race ends at {duration_s:g} s: make it longer")
    if world.get("rtt_ms", 1.0) <= 0:
        raise InputError(f"a round-trip time of {world['rtt_ms']:g} ms is none: give --rtt more than 0, such as 1")
    fields = fields_of(link, LinkSettings, "link")
    if "trace" in fields:
        world["capacity_mbps"] = _mean_mbps(Path(fields["trace"]))
    return dumbbell(entries, link=fields, duration_s=duration_s, **world)


def _mean_mbps(trace: Path) -> float:
    found = read_capacity(trace)
    return float(np.average(found.mbps, weights=np.diff(found.starts_s, append=found.period_s)))


def watch(settings: WorldSettings, every_s: float) -> Iterator[Result]:
    """Run the world of ``settings`` and yield what has become of it so far, every ``every_s`` of its time.

    The last one is the whole, the same as :func:`astraea.congestion.simulate` returns.
    """
    world = Playing(settings)
    steps = max(math.ceil(settings.duration_s / every_s), 1)
    for step in range(1, steps + 1):
        world.run(min(step * every_s, settings.duration_s))
        yield world.read()


def fields_of(changes: Sequence[str], model: type[BaseModel], kind: str) -> dict[str, Any]:
    """Return ``name=value`` texts as fields of ``model``, values still as text.

    Raises :class:`InputError` for a text without ``=`` and for a name that the model does not have.
    """
    fields: dict[str, Any] = {}
    for change in changes:
        name, separator, value = change.partition("=")
        if not separator or not value:
            raise InputError(f"'{change}' is not a {kind} field: write it as NAME=VALUE")
        if name not in model.model_fields:
            raise unknown_name(f"{kind} field", name, model.model_fields)
        fields[name] = value
    return fields


def _flow(text: str, start_s: float) -> FlowSettings:
    name, *changes = text.split(",")
    found = Controller.find(Typed(name))
    if found.external and found.name != "policy":
        raise InputError(f"'{name}' waits for actions from outside; a race takes {', '.join(self_driven())}")
    own = [change for change in changes if change.partition("=")[0] in found.model_fields]
    fields = fields_of([change for change in changes if change not in own], FlowSettings, "flow")
    controller = Controller.of(found, **fields_of(own, found, "controller"))
    return FlowSettings(**{"start_s": start_s, **fields, "controller": controller})
