"""Worlds played under a policy: it answers every control interval of its flows, compiled into the simulation."""

from __future__ import annotations

from typing import Any

import numpy as np

from astraea.congestion.compiled import compiled
from astraea.congestion.connection.motion import UNIT
from astraea.congestion.connection.record import Floats, Ints, Rows, rows
from astraea.congestion.controllers import dispatch
from astraea.congestion.observation.features import observe
from astraea.congestion.observation.frames import FRAME, FRAMES, HISTORY, Frame, History, begin, record
from astraea.congestion.policy.law import LAW, decide
from astraea.congestion.policy.network import forward
from astraea.congestion.policy.policy import Policy, shipped_policy
from astraea.congestion.policy.quantised import decide_quantised
from astraea.congestion.policy.residual import decide_residual
from astraea.congestion.simulator.arrays import allocate, shape_of, world_at
from astraea.congestion.simulator.build import fill
from astraea.congestion.simulator.loop import advance
from astraea.congestion.simulator.results import Result, read
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.simulator.state import World
from astraea.congestion.simulator.steering import act

__all__ = ["Playing", "play", "simulate"]

_KINDS = ("law", "network", "residual", "quantised")
_, _NETWORK, _RESIDUAL, _QUANTISED = range(len(_KINDS))


class Playing:
    """One world under way. Flows whose controller is ``policy.controller`` are driven by it, by default the shipped.

    Raises :class:`astraea.errors.InputError` if the settings contradict each other.
    """

    def __init__(self, settings: WorldSettings, policy: Policy | None = None) -> None:
        drives = policy.header.controller if policy else "policy"
        self._driven = any(flow.controller.name == drives for flow in settings.flows)
        if self._driven:
            self._policy = policy or shipped_policy()
            settings = settings.model_copy(update={"policy": self._policy.header.control})
        self.settings = settings
        shape = shape_of(settings)
        self._worlds = allocate(shape, 1)
        fill(self._worlds, 0, settings)
        if self._driven:
            observation = self._policy.header.observation
            histories = rows(shape.flows, HISTORY)
            begin(histories, np.array([flow.parameter for flow in settings.flows]), settings.packet_bytes)
            features = np.zeros((shape.flows, observation.size), np.int32)
            self._mind = (rows((shape.flows, FRAMES), FRAME), histories, features, *_mind(self._policy))

    def run(self, until_s: float) -> None:
        """Go on to virtual time ``until_s``."""
        until = round(until_s * 1e9)
        if self._driven:
            play(world_at(self._worlds, 0), until, *self._mind)
        else:
            advance(world_at(self._worlds, 0), until, False)

    def read(self) -> Result:
        """Return what has become of the world so far."""
        return read(world_at(self._worlds, 0), self.settings)


def simulate(settings: WorldSettings | None = None, *, policy: Policy | None = None, **fields: Any) -> Result:
    """Run one world to its end and return what became of it; the same settings give the same bytes.

    ``fields`` are those of :class:`WorldSettings`, a shorthand for passing ``settings``. Flows under the controller
    ``policy`` are driven by ``policy``, by default the one that comes with the package. Raises
    :class:`astraea.errors.InputError` if settings contradict each other.
    """
    chosen = WorldSettings(**fields) if settings is None else settings
    world = Playing(chosen, policy)
    world.run(chosen.duration_s)
    return world.read()


def _mind(policy: Policy) -> tuple[Any, ...]:
    """Return a policy as the arguments that compiled code takes."""
    head = policy.header
    network = head.kind == "network"
    widest = max(head.widths, default=1)
    return (
        dispatch.number_of(head.controller),
        head.observation.kind,
        head.observation.history,
        _KINDS.index(head.kind),
        (np.zeros(0) if network else policy.weights).astype(np.int64),
        (policy.weights if network else np.zeros(0)).astype(np.float64),
        np.array(head.widths, np.int64),
        np.zeros((2, widest)),
        np.zeros((2, widest), np.int64),
        np.zeros(len(LAW), np.int64),
    )


@compiled
def play(
    w: World,
    until: int,
    frames: Rows[Rows[Frame]],
    histories: Rows[History],
    features: Ints,
    controller: int,
    kind: int,
    slots: int,
    mind: int,
    numbers: Ints,
    weights: Floats,
    widths: Ints,
    room: Floats,
    int_room: Ints,
    turned: Ints,
) -> None:
    """Run world ``w`` to the end of virtual time ``until``, its flows under ``controller`` driven by a policy."""
    i = advance(w, until, True)
    while i >= 0:
        f = w.flows[i]
        if f.controller == controller:
            histories[i].weight = max(int(f.parameter * 1024.0 + 0.5), 1)
            news = record(frames[i], histories[i], w.intervals[i])
            if news and not dispatch.busy(w.controls, i, f):
                x = features[i]
                observe(kind, slots, frames[i], histories[i], x)
                if mind == _NETWORK:
                    act(w, i, forward(weights, widths, x, room))
                elif mind == _RESIDUAL:
                    act(w, i, decide_residual(numbers, widths, x, int_room, turned) / UNIT)
                elif mind == _QUANTISED:
                    act(w, i, decide_quantised(numbers, widths, x, int_room) / UNIT)
                else:
                    act(w, i, decide(numbers, x) / UNIT)
        i = advance(w, until, True)
