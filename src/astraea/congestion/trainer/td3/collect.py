"""From worlds to transitions: what each flow saw and did when it was last asked, and what it sees now.

Flows are asked at different instants. One whose turn never comes again has left, and what it did last has no
successor; the same holds for all flows of a world that has ended. Neither is a failure to be learned from, so
such decisions are dropped, and every transition that is kept goes on.

A transition may span several decisions of its flow: its reward is then their discounted sum (n-step returns, Sutton and
Barto, ch. 7), and what follows is discounted by the product.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from astraea.congestion.trainer.experience import Places, Values, Worlds
from astraea.congestion.trainer.td3.buffer import row_width

__all__ = ["Act", "Collector", "Stir"]

Act = Callable[[Values], Values]
"""From observations, shape ``(n, O)``, to actions, shape ``(n,)``."""

Stir = Callable[[Values, Places], Values]
"""What exploration makes of actions, shape ``(n,)``, of the flows at these places, worlds and flows."""


class Collector:
    """Steps ``worlds`` and remembers of every flow what its next transitions begin with.

    ``central``: whether the global state is seen too. The discount of a decision is ``gamma``, or with ``gamma_s > 0``
    that for so many seconds, raised to the length of the interval. A transition spans ``n_steps`` decisions.
    """

    def __init__(self, worlds: Worlds, *, central: bool, gamma: float, gamma_s: float = 0.0, n_steps: int = 1) -> None:
        self.worlds = worlds
        self._central = central
        self._gamma, self._gamma_s, self._steps = gamma, gamma_s, n_steps
        size = worlds.observations.shape[2] + (worlds.states.shape[1] if central else 0)
        kept = (n_steps, *worlds.due.shape)  # a ring of decisions for each flow
        self._seen = np.zeros((*kept, size), np.float32)
        self._actions = np.zeros(kept, np.float32)
        self._earned = np.zeros(kept, np.float32)  # since each, discounted
        self._discounts = np.ones(kept, np.float32)
        self._held = np.zeros(worlds.due.shape, np.intp)  # decisions of the ring that count
        self._next = np.zeros(worlds.due.shape, np.intp)  # where the next goes, which is where the oldest of all is
        self._answers = np.zeros(worlds.due.shape, np.float32)

    @property
    def seen(self) -> int:
        """Length of what is seen: an observation and, if it is seen, the global state."""
        return int(self._seen.shape[3])

    def restart(self, seed: int) -> None:
        """Begin new worlds; what was waiting for a successor is dropped."""
        self.worlds.reset(seed)
        self._held[:] = 0

    def step(self, act: Act, stir: Stir | None = None) -> Values:
        """Let ``act`` answer all that are due, and return the transitions this has completed, a row each.

        ``stir`` is what exploration makes of the answers.
        """
        env = self.worlds
        where = np.nonzero(env.due)
        self._remember(where, act(env.observations[where]), stir)
        env.step(self._answers)
        self._held[env.ended] = 0
        where = np.nonzero(env.due & (self._held > 0))
        self._earn(where)
        full = self._held[where] == self._steps
        where = tuple(axis[full] for axis in where)
        slot = (self._next[where], *where)
        rows = np.empty((len(where[0]), row_width(self.seen)), np.float32)
        rows[:, : self.seen] = self._seen[slot]
        rows[:, self.seen : -3] = self._look(where)
        rows[:, -3] = self._actions[slot]
        rows[:, -2] = self._earned[slot]
        rows[:, -1] = self._discounts[slot]
        return rows

    def _remember(self, where: Places, actions: Values, stir: Stir | None) -> None:
        slot = (self._next[where], *where)
        self._answers[where] = actions if stir is None else stir(actions, where)
        self._seen[slot] = self._look(where)
        self._actions[slot] = self._answers[where]
        self._earned[slot], self._discounts[slot] = 0.0, 1.0
        self._next[where] = (self._next[where] + 1) % self._steps
        self._held[where] = np.minimum(self._held[where] + 1, self._steps)

    def _earn(self, where: Places) -> None:
        """Count the reward of flows that are due for all decisions of theirs that wait."""
        rewards, discount = self.worlds.rewards[where], np.full(len(where[0]), self._gamma, np.float32)
        if self._gamma_s:
            discount **= self.worlds.elapsed[where] / np.float32(self._gamma_s)
        for back in range(1, self._steps + 1):
            slot = ((self._next[where] - back) % self._steps, *where)
            waits = self._held[where] >= back
            self._earned[slot] += np.where(waits, self._discounts[slot] * rewards, 0.0)
            self._discounts[slot] *= np.where(waits, discount, np.float32(1.0))

    def _look(self, where: Places) -> Values:
        seen: Values = self.worlds.observations[where]
        return np.concatenate([seen, self.worlds.states[where[0]]], axis=1) if self._central else seen
