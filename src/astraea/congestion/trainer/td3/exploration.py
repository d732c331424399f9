"""Exploration: now and then an action is replaced by one drawn from all alike."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.trainer.td3.settings import Td3Settings

__all__ = ["epsilon_at", "explored"]


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
