"""A training by MAPPO from its settings to its folder: epochs, the best policy, and going on where it stopped.

An epoch begins with new worlds and random streams of its own and ends with a validation: the exported policy, in the
integers a kernel would hold where it is a residual, plays worlds of all families. Then a checkpoint is written, and
after it what follows from it; so a kill costs no more than the epoch it falls into.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from astraea.congestion.environment.vector import VectorEnvironment
from astraea.congestion.policy.policy import Policy, load_policy
from astraea.congestion.trainer.checkpoint import Counts, load_checkpoint, save_checkpoint
from astraea.congestion.trainer.families import worlds_of
from astraea.congestion.trainer.folder import claim
from astraea.congestion.trainer.judging import by_family, in_all
from astraea.congestion.trainer.log import Log
from astraea.congestion.trainer.mappo.learner import Learner, Losses
from astraea.congestion.trainer.mappo.rollout import Collector
from astraea.congestion.trainer.mappo.settings import MappoSettings
from astraea.congestion.trainer.pace import Progress, torch_threads
from astraea.errors import InputError, RunError
from astraea.files import lock
from astraea.seeding import Purpose, stream, torch_seed

__all__ = ["train_mappo"]

_CHECKPOINT, _POLICY = "checkpoint.safetensors", "policy.safetensors"
_EXECUTION = ("flow_steps", "minutes", "threads")


def train_mappo(
    settings: MappoSettings,
    out: Path,
    *,
    resume: bool = False,
    tensorboard: bool = False,
    watch: Callable[[Progress], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Policy:
    """Train until the settings' length is reached, and return the policy that did best in validation.

    ``out`` receives ``settings.json``, ``metrics.jsonl`` (a line per epoch), ``checkpoint.safetensors`` and
    ``policy.safetensors``. With ``resume`` a training in ``out`` goes on after its last whole epoch, if there is one;
    its length and threads may be others.
    ``clock`` tells the seconds by which ``minutes`` count.
    Raises :class:`InputError` if ``out`` holds a training and ``resume`` is not given, and :class:`RunError` if it is
    another one, naming the key, or if the losses are no numbers any more.
    """
    with lock(out), torch_threads(settings.threads):
        claim(out, "mappo", settings, resume=resume, execution=_EXECUTION)
        training = _Training(settings, out, tensorboard, watch, clock)
        try:
            while not training.finished:
                training.epoch()
            return training.policy()
        finally:
            training.close()


class _Training:
    """A training under way."""

    def __init__(
        self,
        settings: MappoSettings,
        out: Path,
        tensorboard: bool,
        watch: Callable[[Progress], None] | None,
        clock: Callable[[], float],
    ) -> None:
        self._settings, self._out, self._watch, self._clock = settings, out, watch, clock
        self._learner = Learner(settings)
        self._env = VectorEnvironment(
            settings.worlds, settings.worlds_at_once, reward=settings.reward, threads=settings.threads
        )
        self._collector = Collector(self._env, self._learner, settings)
        self._counts = Counts()
        self._best: Tensor | None = None
        if (out / _CHECKPOINT).is_file():
            self._counts, self._best = load_checkpoint(out / _CHECKPOINT, self._learner, None)
            self._write_policy()
        self._log = Log(out, self._counts.history, tensorboard=tensorboard)
        self._began = clock() - self._counts.seconds

    @property
    def finished(self) -> bool:
        """Whether its length is reached."""
        return self._done() >= 1

    def epoch(self) -> None:
        """Collect and improve for some updates, then validate and write down."""
        s, counts = self._settings, self._counts
        rng = stream(s.seed, Purpose.MAPPO, counts.epoch)
        generator = torch.Generator().manual_seed(torch_seed(s.seed, Purpose.MAPPO, counts.epoch, 0))
        self._env.reset(torch_seed(s.seed, Purpose.MAPPO, counts.epoch, 1))
        rewards: list[float] = []
        losses: list[Losses] = []
        for update in range(s.updates):
            if update and self.finished:  # the last epoch may be shorter
                break
            rollout = self._collector.collect(generator)
            counts.flow_steps += len(rollout.earned)
            rewards.append(float(rollout.earned.mean()))
            losses.append(self._learner.improve(rollout, rng))
            if not all(map(math.isfinite, losses[-1])):
                raise RunError(
                    f"the losses are no numbers any more after {counts.flow_steps:,} decisions: train anew with a "
                    f"lower actor_lr and critic_lr (the best policy so far is {self._out / _POLICY}, if there was one)"
                )
            if self._watch is not None:
                line = counts.history[-1] if counts.history else None
                self._watch(Progress(min(self._done(), 1.0), counts.flow_steps, line))
        counts.epoch += 1
        line = self._judge(rewards, losses)
        counts.history.append(line)
        save_checkpoint(self._out / _CHECKPOINT, counts, self._learner, None, self._best)
        self._log.write(line)
        self._write_policy()

    def policy(self) -> Policy:
        """Return the best policy so far, with a card that says how it came about."""
        if self._best is None:
            raise RunError(f"the training in {self._out} ended before its first validation: give it more time")
        card = {
            "trained_by": "MAPPO",
            "settings": self._settings.model_dump_json(),
            "validation": json.dumps(self._counts.best),
        }
        return self._learner.subject.policy(self._best.numpy(), card)

    def close(self) -> None:
        """Close what is open."""
        self._log.close()
        self._env.close()

    def _write_policy(self) -> None:
        """Write the best policy, unless it is there."""
        best = self.policy()
        try:
            held = load_policy(self._out / _POLICY)
            there = held.header == best.header and held.card.get("validation") == best.card["validation"]
        except InputError:
            there = False
        if not there:
            best.save(self._out / _POLICY)

    def _judge(self, rewards: list[float], losses: list[Losses]) -> dict[str, Any]:
        """Validate, keep the numbers if they are the best so far, and return the epoch's line."""
        s, counts = self._settings, self._counts
        numbers = self._learner.actor.numbers().detach().clone()
        worlds = worlds_of(stream(s.seed, Purpose.SELECTION), s.validation_mixes, noisy=True)
        found = in_all(by_family([self._learner.subject.policy(numbers.numpy(), {})], worlds, s.fitness, s.threads))
        counts.seconds = self._clock() - self._began
        line = {
            "epoch": counts.epoch,
            "flow_steps": counts.flow_steps,
            "gradient_steps": self._learner.steps,
            "training_reward": float(np.mean(rewards)),
            **{f"fitness/{name}": value for name, value in found.items()},
            **{f"losses/{name}": float(np.mean([getattr(one, name) for one in losses])) for name in Losses._fields},
            "seconds": round(counts.seconds, 1),
        }
        if counts.best is None or line["fitness/all"] > counts.best["fitness/all"]:
            counts.best, self._best = line, numbers
        return line

    def _done(self) -> float:
        s = self._settings
        spent = 0.0 if s.minutes is None else (self._clock() - self._began) / (60 * s.minutes)
        return max(self._counts.flow_steps / s.flow_steps, spent)
