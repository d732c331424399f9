"""From worlds to transitions: what each flow saw and did when it was last asked, and what it sees now.

Flows are asked at different instants. One whose turn never comes again has left, and what it did last has no
successor; the same holds for all flows of a world that has ended. Neither is a failure to be learned from, so
such decisions are dropped, and every transition that is kept goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from astraea.congestion.trainer.td3.buffer import row_width

__all__ = ["Act", "Collector", "Worlds"]

Values = NDArray[np.float32]
Act = Callable[[Values], Values]
"""From observations, shape ``(n, O)``, to actions, shape ``(n,)``."""


class Worlds(Protocol):
    """What is collected from: see :class:`astraea.congestion.environment.vector.VectorEnvironment`."""

    ended: NDArray[np.bool_]

    @property
    def due(self) -> NDArray[np.bool_]:
        """Whose action the next step takes."""

    @property
    def observations(self) -> Values:
        """What each flow observed last."""

    @property
    def rewards(self) -> Values:
        """Of the flows that are due."""

    @property
    def elapsed(self) -> Values:
        """Lengths of the intervals that these are for, in seconds."""

    @property
    def states(self) -> Values:
        """The global state of each world."""

    def reset(self, seed: int | None = None) -> None:
        """Begin anew."""

    def step(self, actions: ArrayLike) -> None:
        """Go on to the next decisions."""


class Collector:
    """Steps ``worlds`` and remembers of every flow what its next transition begins with.

    ``central``: whether the global state is seen too. The discount of a transition is ``gamma``, or with
    ``gamma_s > 0`` that for so many seconds, raised to the length of the interval.
    """

    def __init__(self, worlds: Worlds, *, central: bool, gamma: float, gamma_s: float = 0.0) -> None:
        self.worlds = worlds
        self._central = central
        self._gamma, self._gamma_s = gamma, gamma_s
        size = worlds.observations.shape[2] + (worlds.states.shape[1] if central else 0)
        self._seen = np.zeros((*worlds.due.shape, size), np.float32)
        self._actions = np.zeros(worlds.due.shape, np.float32)
        self._waiting = np.zeros(worlds.due.shape, bool)

    @property
    def seen(self) -> int:
        """Length of what is seen: an observation and, if it is seen, the global state."""
        return int(self._seen.shape[2])

    def restart(self, seed: int) -> None:
        """Begin new worlds; what was waiting for a successor is dropped."""
        self.worlds.reset(seed)
        self._waiting[:] = False

    def step(self, act: Act) -> Values:
        """Let ``act`` answer all that are due, and return the transitions this has completed, a row each."""
        env = self.worlds
        where = np.nonzero(env.due)
        self._seen[where] = self._look(where)
        self._actions[where] = act(env.observations[where])
        self._waiting[where] = True
        env.step(self._actions)
        self._waiting[env.ended] = False
        where = np.nonzero(env.due & self._waiting)
        rows = np.empty((len(where[0]), row_width(self.seen)), np.float32)
        rows[:, : self.seen] = self._seen[where]
        rows[:, self.seen : -3] = self._look(where)
        rows[:, -3] = self._actions[where]
        rows[:, -2] = env.rewards[where]
        rows[:, -1] = self._gamma
        if self._gamma_s:
            rows[:, -1] **= env.elapsed[where] / np.float32(self._gamma_s)
        return rows

    def _look(self, where: tuple[Any, ...]) -> Values:
        seen: Values = self.worlds.observations[where]
        return np.concatenate([seen, self.worlds.states[where[0]]], axis=1) if self._central else seen
