"""Exploration: now and then an action is replaced by one drawn from all alike, or all are moved for a while.

A window integrates its actions. Of actions drawn anew each time little is left in it, as they cancel. Noise that lasts
(an Ornstein-Uhlenbeck process, as in Lillicrap et al., ICLR 2016) shows a flow what another share would bring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.trainer.td3.settings import Td3Settings

__all__ = ["LastingNoise", "epsilon_at", "explored"]


def epsilon_at(settings: Td3Settings, flow_steps: int) -> float:
    """Return the probability of a random action after ``flow_steps`` decisions of all worlds together.

    The published schedule counts the decisions of one world. Were many worlds to share one count, exploration
    would end that many times sooner; so it is stretched by their number.
    """
    done = min(flow_steps / (settings.exploration_actions * settings.worlds_at_once), 1.0)
    return settings.epsilon + (settings.epsilon_end - settings.epsilon) * done


def explored(actions: NDArray[np.float32], epsilon: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return ``actions``, each replaced with probability ``epsilon`` by a uniform one of [-1, 1]."""
    random = rng.uniform(-1, 1, actions.shape).astype(np.float32)
    return np.where(rng.random(actions.shape) < epsilon, random, actions)


class LastingNoise:
    """Noise of deviation 1 for each flow, of shape ``(worlds, flows)``, that fades by ``1 / e`` in ``seconds``."""

    def __init__(self, shape: tuple[int, ...], seconds: float) -> None:
        self._noise = np.zeros(shape)
        self._seconds = seconds

    def restart(self, rng: np.random.Generator) -> None:
        """Begin anew."""
        self._noise = rng.standard_normal(self._noise.shape)

    def at(
        self, where: tuple[NDArray[np.intp], ...], elapsed: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return the noise of the flows at ``where`` after so many more seconds."""
        kept = np.exp(-elapsed / self._seconds)
        self._noise[where] = kept * self._noise[where] + np.sqrt(1 - kept**2) * rng.standard_normal(len(elapsed))
        return self._noise[where].astype(np.float32)
