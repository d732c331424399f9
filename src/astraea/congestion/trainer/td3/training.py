"""Train by TD3, epoch by epoch: collect and improve in fresh worlds, validate, keep the best, write it down.

A epoch follows from the state it begins with, the seed and its number alone. So a training that was stopped, or
killed, and resumed is the same as one that was not: bit for bit, on one machine with as many threads.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from astraea.congestion.environment.vector import VectorEnvironment
from astraea.congestion.policy.policy import Policy, load_policy
from astraea.congestion.trainer.checkpoint import Counts, load_checkpoint, save_checkpoint
from astraea.congestion.trainer.experience import Places
from astraea.congestion.trainer.folder import SETTINGS, claim
from astraea.congestion.trainer.log import Log
from astraea.congestion.trainer.pace import Progress, torch_threads
from astraea.congestion.trainer.td3.buffer import ReplayBuffer
from astraea.congestion.trainer.td3.collect import Collector
from astraea.congestion.trainer.td3.exploration import LastingNoise, epsilon_at, explored
from astraea.congestion.trainer.td3.export import exported, header_of
from astraea.congestion.trainer.td3.learner import Learner, Losses
from astraea.congestion.trainer.td3.settings import Td3Settings
from astraea.congestion.trainer.td3.validation import Validation, headline
from astraea.errors import InputError, RunError
from astraea.files import lock
from astraea.seeding import Purpose, stream, torch_seed

__all__ = ["CHECKPOINT", "POLICY", "SETTINGS", "train_td3"]

CHECKPOINT, POLICY = "checkpoint.safetensors", "policy.safetensors"

_EXECUTION = ("flow_steps", "minutes", "checkpoint_minutes", "threads")


def train_td3(
    settings: Td3Settings,
    out: Path,
    *,
    resume: bool = False,
    tensorboard: bool = False,
    watch: Callable[[Progress], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Policy:
    """Train until the settings' length is reached, and return the policy that did best in validation.

    ``out`` receives ``settings.json``, ``metrics.jsonl`` (a line per epoch), ``checkpoint.safetensors`` and, after
    each validation that is the best so far, ``policy.safetensors``. With ``resume`` a training in ``out`` goes on
    from its last checkpoint; there need not be one; its length, threads and time between checkpoints may be others.
    ``clock`` tells the seconds by which ``minutes`` count.
    Raises :class:`InputError` if ``out`` holds a training and ``resume`` is not given, and :class:`RunError` if it is
    another one, naming the key, or if the losses are no numbers any more.
    """
    with lock(out), torch_threads(settings.threads):
        claim(out, "td3", settings, resume=resume, execution=_EXECUTION)
        training = _Training(settings, out, tensorboard, watch, clock)
        try:
            while not training.finished:
                training.epoch()
            return training.policy()
        except KeyboardInterrupt:
            training.interrupted()
            raise
        finally:
            training.close()


class _Training:
    """A training under way."""

    def __init__(
        self,
        settings: Td3Settings,
        out: Path,
        tensorboard: bool,
        watch: Callable[[Progress], None] | None,
        clock: Callable[[], float],
    ) -> None:
        self._settings, self._out, self._watch, self._clock = settings, out, watch, clock
        env = VectorEnvironment(
            settings.worlds,
            settings.worlds_at_once,
            observation=settings.observation,
            reward=settings.reward,
            threads=settings.threads,
        )
        self._collector = Collector(
            env,
            central=settings.critic == "central",
            gamma=settings.gamma,
            gamma_s=settings.gamma_s,
            n_steps=settings.n_steps,
        )
        self._noise = LastingNoise(env.due.shape, settings.noise_s)
        self._learner = Learner(settings, self._collector.seen)
        self._buffer = ReplayBuffer(settings.buffer_size, self._collector.seen)
        self._counts = Counts()
        self._best: Tensor | None = None
        if (out / CHECKPOINT).is_file():
            self._counts, self._best = load_checkpoint(out / CHECKPOINT, self._learner, self._buffer)
        self._take_over()
        self._mark()
        self._validation = Validation(settings)
        self._log = Log(out, self._counts.history, tensorboard=tensorboard)
        self._began = clock() - self._counts.seconds
        self._saved = time.monotonic()

    @property
    def finished(self) -> bool:
        """Whether its length is reached."""
        return self._done() >= 1

    def epoch(self) -> None:
        """Collect and improve for some updates, then validate and write down."""
        s, counts = self._settings, self._counts
        rng = stream(s.seed, Purpose.TD3, counts.epoch)
        noise = torch.Generator().manual_seed(torch_seed(s.seed, Purpose.TD3, counts.epoch, 0))
        self._collector.restart(torch_seed(s.seed, Purpose.TD3, counts.epoch, 1))
        if s.noise_s:
            self._noise.restart(rng)
        rewards: list[float] = []
        losses: list[Losses] = []
        for update in range(s.updates):
            if update and self.finished:  # the last epoch may be shorter
                break
            rewards.append(self._collect(rng))
            if self._buffer.size >= s.learning_starts:
                losses.append(self._improve(rng, noise))
            if self._watch is not None:
                self._watch(
                    Progress(
                        min(self._done(), 1.0),
                        counts.flow_steps,
                        counts.history[-1] if counts.history else None,
                    )
                )
        counts.epoch += 1
        line = self._judge(rewards, losses)
        counts.history.append(line)
        self._log.write(line)
        self._mark()
        if self.finished or time.monotonic() - self._saved >= 60 * s.checkpoint_minutes:
            self._save()

    def policy(self) -> Policy:
        """Return the best policy so far, with a card that says how it came about."""
        best = self._counts.best
        if best is None or self._best is None:
            raise RunError(f"the training in {self._out} ended before its first validation: give it more time")
        card = {"trained_by": "TD3", "settings": self._settings.model_dump_json(), "validation": json.dumps(best)}
        return Policy(header_of(self._settings), self._best.numpy(), card)

    def interrupted(self) -> None:
        """Save the training as it was after its last whole epoch."""
        tensors, steps, self._counts, self._best = self._whole
        self._learner.restore(tensors, steps)
        self._buffer.undo()
        if self._counts.epoch:
            self._save()

    def _mark(self) -> None:
        """Remember a whole epoch, for :meth:`interrupted`."""
        counts = replace(self._counts, history=list(self._counts.history))
        whole = self._learner.tensors(), self._learner.steps, counts, self._best
        self._buffer.mark()
        self._whole = whole

    def _take_over(self) -> None:
        """Keep the policy in the folder if a killed process found it after its last checkpoint, and else write it."""
        try:
            policy = load_policy(self._out / POLICY)
            line = json.loads(policy.card["validation"])
            own = policy.header == header_of(self._settings) and self._began_with(policy.card)
            if own and (self._counts.best is None or line["reward"] > self._counts.best["reward"]):
                self._counts.best, self._best = line, torch.from_numpy(policy.weights)
            kept = own and line == self._counts.best
        except (InputError, KeyError, TypeError, ValueError):
            kept = False
        if not kept and self._best is not None:
            self.policy().save(self._out / POLICY)

    def _began_with(self, card: dict[str, str]) -> bool:
        """Whether a policy with this ``card`` is of a training with these settings, however long and on what."""
        settings, mine = json.loads(card["settings"]), self._settings.model_dump(mode="json")
        return card["trained_by"] == "TD3" and all(settings[key] == mine[key] for key in mine if key not in _EXECUTION)

    def close(self) -> None:
        """Close what is open."""
        self._log.close()

    def _collect(self, rng: np.random.Generator) -> float:
        """Let the worlds go on for an update's decisions, and return their mean reward."""
        epsilon = self._epsilon()
        collected, earned = 0, 0.0

        def stir(actions: NDArray[np.float32], where: Places) -> NDArray[np.float32]:
            if not self._settings.noise_s:
                return explored(actions, epsilon, rng)
            noise = self._noise.at(where, self._collector.worlds.elapsed[where], rng)
            return np.clip(actions + np.float32(epsilon) * noise, -1, 1)

        while collected < self._settings.update_flow_steps:
            rows = self._collector.step(self._act, stir)
            self._buffer.add(rows)
            collected += len(rows)
            earned += float(rows[:, -2].sum(dtype=np.float64))
        self._counts.flow_steps += collected
        return earned / (collected * self._settings.n_steps)

    def _improve(self, rng: np.random.Generator, noise: torch.Generator) -> Losses:
        s = self._settings
        batches = [self._buffer.sample(rng, s.batch_size) for _ in range(s.gradient_steps)]
        losses = self._learner.improve(batches, noise)
        if not math.isfinite(losses.critic + losses.value + (losses.actor or 0.0)):
            raise RunError(
                f"the losses are no numbers any more after {self._counts.flow_steps:,} decisions: train anew with "
                f"a lower actor_lr and critic_lr (the best policy so far is {self._out / POLICY}, if there was one)"
            )
        return losses

    def _judge(self, rewards: list[float], losses: list[Losses]) -> dict[str, Any]:
        """Validate, keep the policy if it is the best so far, and return the epoch's line."""
        counts = self._counts
        actor = [loss.actor for loss in losses if loss.actor is not None]
        reward = self._validation.reward(self._act)
        policy = exported(self._learner.actor, self._settings)
        figures = headline(policy, self._validation.worlds())
        counts.seconds = self._clock() - self._began
        line = {
            "epoch": counts.epoch,
            "flow_steps": counts.flow_steps,
            "gradient_steps": self._learner.steps,
            "epsilon": self._epsilon(),
            "training_reward": float(np.mean(rewards)),
            "reward": reward,
            **figures,
            "critic_loss": float(np.mean([loss.critic for loss in losses])) if losses else None,
            "value": float(np.mean([loss.value for loss in losses])) if losses else None,
            "actor_loss": float(np.mean(actor)) if actor else None,
            "seconds": round(counts.seconds, 1),
        }
        if counts.best is None or reward > counts.best["reward"]:
            counts.best = line
            self._best = torch.from_numpy(policy.weights)
            self.policy().save(self._out / POLICY)
        return line

    def _save(self) -> None:
        save_checkpoint(self._out / CHECKPOINT, self._counts, self._learner, self._buffer, self._best)
        self._saved = time.monotonic()

    def _act(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._learner.act(torch.from_numpy(observations)).numpy()

    def _epsilon(self) -> float:
        return epsilon_at(self._settings, self._counts.flow_steps)

    def _done(self) -> float:
        s = self._settings
        spent = 0.0 if s.minutes is None else (self._clock() - self._began) / (60 * s.minutes)
        return max(self._counts.flow_steps / s.flow_steps, spent)
