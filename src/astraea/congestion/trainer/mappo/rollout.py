"""From worlds to rollouts: what each flow saw and said when it was asked, and what came of it.

Flows are asked at different instants, and each has a chain of decisions of its own. A flow that has left, or whose
world has ended, has not failed: its last decision has no successor and is dropped. Where a rollout ends, the critic
says what comes after.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astraea.congestion.connection.fixed_point import ONE
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.residual import decide_turned
from astraea.congestion.trainer.experience import Places, Worlds
from astraea.congestion.trainer.mappo.learner import Rollout
from astraea.congestion.trainer.mappo.settings import MappoSettings

__all__ = ["Collector", "Speaker", "actions_of"]


class Speaker(Protocol):
    """What explores: see :class:`astraea.congestion.trainer.mappo.learner.Learner`."""

    def say(self, seen: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw what is said, and return the logarithms of its densities too."""

    def values(self, seen: Tensor) -> NDArray[np.float64]:
        """Return what will be earned."""


class Seen(Worlds, Protocol):
    """Worlds whose integers are seen as well."""

    @property
    def features(self) -> NDArray[np.int32]:
        """What each flow observed last, in 1/1024."""


class Collector:
    """Steps ``worlds`` as a learner says, with exploration."""

    def __init__(self, worlds: Seen, learner: Speaker, settings: MappoSettings) -> None:
        self.worlds = worlds
        self._learner, self._settings = learner, settings
        self._answers = np.zeros(worlds.due.shape)

    def collect(self, generator: torch.Generator) -> Rollout:
        """Go on for ``num_steps`` decisions or a few more, and return those of which something has come."""
        env, s = self.worlds, self._settings
        most = s.num_steps + env.due.size
        values, earned, discounts, after = (np.full(most, np.nan) for _ in range(4))
        following = np.full(most, -1)
        last = np.full(env.due.shape, -1)  # each flow's newest decision
        heard: list[tuple[NDArray[np.float32], ...]] = []
        count = 0
        while count < s.num_steps:
            where = np.nonzero(env.due)
            ids = np.arange(count, count + len(where[0]))
            seen = self._look(where)
            values[ids] = self._learner.values(torch.from_numpy(seen))
            before = last[where]
            goes_on = before >= 0
            following[before[goes_on]], after[before[goes_on]] = ids[goes_on], values[ids[goes_on]]
            said, logprob = (part.numpy() for part in self._learner.say(torch.from_numpy(seen), generator))
            heard.append((seen, said, logprob))
            self._answers[where] = actions_of(s, said, env.features[where])
            env.step(self._answers)
            last[where] = ids
            last[env.ended] = -1
            there = np.nonzero(env.due & (last >= 0))
            earned[last[there]] = env.rewards[there]
            discounts[last[there]] = s.gamma ** (env.elapsed[there] / s.gamma_s)
            count += len(ids)
        after[last[there]] = self._learner.values(torch.from_numpy(self._look(there)))
        whole = ~np.isnan(earned[:count])
        places = np.append(np.where(whole, np.cumsum(whole) - 1, -1), -1)  # -1: what follows is not here
        seen, said, logprob = (np.concatenate(part)[whole] for part in zip(*heard, strict=True))
        values, earned, discounts, after = (part[:count][whole] for part in (values, earned, discounts, after))
        return Rollout(seen, said, logprob, values, earned, discounts, after, places[following[:count][whole]])

    def _look(self, where: Places) -> NDArray[np.float32]:
        return np.concatenate([self.worlds.observations[where], self.worlds.states[where[0]]], axis=1)


def actions_of(settings: MappoSettings, said: NDArray[np.float32], features: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the actions, ``(n,)``, that ``said``, ``(n, k)``, stands for: itself, or what the law then does."""
    if settings.subject == "network":
        return np.clip(said[:, 0].astype(np.float64), -1, 1)
    actions = np.empty(len(said))
    law, turned = np.array(settings.law, np.int64), np.zeros(len(LAW), np.int64)
    decide_turned(law, np.rint(said.astype(np.float64) * ONE).astype(np.int64), features, turned, actions)
    return actions
