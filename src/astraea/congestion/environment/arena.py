"""Many worlds side by side, and what is observed of them: the ground that both faces of the environment share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.environment.stepping import Batch, allocate_batch, clear, step_worlds
from astraea.congestion.environment.worlds import WorldMix, WorldRanges, draw, shape_for
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.reward import RewardSettings, coefficients
from astraea.congestion.simulator.arrays import allocate, shape_of
from astraea.congestion.simulator.build import fill
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.simulator.state import Worlds
from astraea.errors import InputError
from astraea.seeding import Purpose, stream

__all__ = ["Arena", "agents_of"]


class Arena:
    """Worlds and the batch beside them. World ``k`` of episode ``e`` follows from seed, ``k`` and ``e`` alone.

    Raises :class:`astraea.errors.InputError` if a world would have no agent or settings contradict each other.
    """

    worlds: Worlds
    batch: Batch

    def __init__(
        self,
        source: WorldRanges | WorldMix | WorldSettings,
        count: int,
        observation: ObservationSettings,
        reward: RewardSettings,
    ) -> None:
        if isinstance(source, WorldSettings) and not agents_of(source):
            raise InputError("no flow waits for actions: give at least one flow the controller 'policy'")
        self.source = source
        self.observation = observation
        shape = shape_of(source)._replace(samples=0) if isinstance(source, WorldSettings) else shape_for(source)
        self.worlds = allocate(shape, count)
        self.batch = allocate_batch(count, shape.flows, shape.links, observation.size)
        self._kind = observation.kind
        self._slots = observation.history
        self._coefficients = coefficients(reward)

    def begin(self, k: int, seed: int, episode: int) -> WorldSettings:
        """Make world ``k`` anew, at its time 0 and with nobody asked yet; return what it is made of."""
        rng = stream(seed, Purpose.ENVIRONMENT, k, episode)
        if isinstance(self.source, WorldSettings):
            settings = self.source.model_copy(update={"seed": int(rng.integers(1 << 62)), "sample_ms": 0.0})
        else:
            settings = draw(self.source, rng)
        fill(self.worlds, k, settings)
        clear(self.batch, self.worlds, k, settings)
        return settings

    def run(self, lo: int, hi: int, actions: NDArray[np.float64]) -> None:
        """Answer with ``actions``, shape (worlds, flows), and run worlds ``lo`` to ``hi`` to their next decision."""
        step_worlds(self.worlds, self.batch, lo, hi, actions, self._kind, self._slots, self._coefficients)


def agents_of(settings: WorldSettings) -> list[int]:
    """Return the numbers of the flows under outside control."""
    return [i for i, flow in enumerate(settings.flows) if flow.controller.external]
