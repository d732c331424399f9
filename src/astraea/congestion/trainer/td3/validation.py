"""How good an actor is in worlds that neither train it nor judge the final policy."""

from __future__ import annotations

from typing import Any

import numpy as np

from astraea.congestion.environment.vector import VectorEnvironment
from astraea.congestion.metrics.score import ScoreSettings, score
from astraea.congestion.metrics.shares import base_rtts_ms
from astraea.congestion.play import simulate
from astraea.congestion.policy.policy import Policy
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.trainer.td3.collect import Act
from astraea.congestion.trainer.td3.settings import Td3Settings
from astraea.seeding import Purpose, torch_seed

__all__ = ["Validation", "headline"]


class Validation:
    """The worlds of a validation: drawn from the training's ranges, by a stream of their own, the same each time."""

    def __init__(self, settings: Td3Settings) -> None:
        self._env = VectorEnvironment(
            settings.worlds,
            settings.validation_worlds,
            observation=settings.observation,
            reward=settings.reward,
            seed=torch_seed(settings.seed, Purpose.SELECTION),
            threads=settings.threads,
        )

    def reward(self, act: Act) -> float:
        """Return the mean over worlds of the mean reward of all decisions, ``act`` answering without exploration."""
        env = self._env
        env.reset()
        total, count = np.zeros(env.count), np.zeros(env.count)
        going = np.ones(env.count, bool)
        actions = np.zeros(env.due.shape)
        while going.any():
            actions[env.due] = act(env.observations[env.due])
            env.step(actions)
            going &= ~env.ended
            total[going] += env.rewards.sum(axis=1, dtype=np.float64)[going]
            count[going] += env.due.sum(axis=1)[going]
        return float((total / np.maximum(count, 1)).mean())

    def worlds(self) -> list[WorldSettings]:
        """Return the worlds as they are simulated for :func:`headline`."""
        self._env.reset()
        return [world.model_copy(update={"sample_ms": 100.0}) for world in self._env.worlds]


def headline(policy: Policy, worlds: list[WorldSettings]) -> dict[str, Any]:
    """Return what ``policy`` comes to in ``worlds``, as the evaluation measures it, means over the worlds.

    ``jain`` and its 5th percentile over worlds (``None`` where no two flows meet), ``utilisation``, and ``queue``,
    the queueing delay in smallest base round-trip times.
    """
    scores = [score(simulate(world, policy=policy), ScoreSettings(settle_s=5.0)) for world in worlds]
    jains = np.array([found.jain for found in scores])
    jains = jains[~np.isnan(jains)]
    queues = [found.queue_ms / min(base_rtts_ms(world)) for found, world in zip(scores, worlds, strict=True)]
    return {
        "jain": float(jains.mean()) if len(jains) else None,
        "jain_p5": float(np.quantile(jains, 0.05)) if len(jains) else None,
        "utilisation": float(np.mean([found.utilisation for found in scores])),
        "queue": float(np.mean(queues)),
    }
