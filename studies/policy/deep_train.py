"""Train one arm for so many processor seconds, in steps, and keep how far it had come when.

A folder holds what its trainer keeps, and ``track.jsonl``: at each validation processor seconds, samples, and the file
of the best policy by then. Samples are worlds of those that evolve and decisions of the others.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from deep_arms import settings_of

from astraea.congestion.policy import Policy, load_policy
from astraea.congestion.trainer.evolution import EvolutionSettings
from astraea.congestion.trainer.families import families_of
from astraea.congestion.trainer.mappo import MappoSettings, train_mappo
from astraea.congestion.trainer.pace import Progress
from astraea.congestion.trainer.search import train_by_evolution
from astraea.congestion.trainer.td3 import train_td3
from astraea.files import write_text

__all__ = ["Track", "train"]

_POLICY = "policy.safetensors"


class Track:
    """How far a training in ``folder`` has come: ``rows`` of ``cpu_s``, ``samples`` and ``policy``, a file there."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / "track.jsonl"
        text = self._file.read_text() if self._file.is_file() else ""
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]

    @property
    def spent(self) -> float:
        """Return the processor seconds of the training by now."""
        return float(self.rows[-1]["cpu_s"]) if self.rows else 0.0

    @property
    def samples(self) -> int:
        """Return the samples of the training by now."""
        return int(self.rows[-1]["samples"]) if self.rows else 0

    def mark(self, cpu_s: float, samples: int) -> None:
        """Write down that the policy in the folder is what there is by now, and what it took.

        A training that was killed may tell again what it told before; that is replaced.
        """
        self.rows = [row for row in self.rows if row["samples"] < samples]
        held = load_policy(self._folder / _POLICY)
        name = self.rows[-1]["policy"] if self.rows else None
        if name is None or not np.array_equal(load_policy(self._folder / name).weights, held.weights):
            name = f"track/{samples:010d}.safetensors"
            (self._folder / "track").mkdir(exist_ok=True)
            shutil.copyfile(self._folder / _POLICY, self._folder / name)
        self.rows.append({"cpu_s": round(cpu_s, 1), "samples": samples, "policy": name})
        write_text(self._file, "".join(json.dumps(row) + "\n" for row in self.rows))


def train(arm: str, seed: int, folder: Path, minutes: float) -> Policy:
    """Train one policy for ``minutes`` of a processor, or go on with it."""
    folder.mkdir(parents=True, exist_ok=True)
    settings, track = settings_of(arm, seed, minutes), Track(folder)
    if isinstance(settings, EvolutionSettings):
        return _evolve(settings, folder, track, 60 * minutes)
    if folder.joinpath(_POLICY).is_file() and track.spent >= 60 * minutes:
        return load_policy(folder / _POLICY)

    def watch(progress: Progress) -> None:
        line = progress.line
        if line is not None and line["flow_steps"] > track.samples:
            track.mark(line["seconds"], line["flow_steps"])

    how: dict[str, Any] = {"resume": True, "watch": watch, "clock": time.process_time}
    if isinstance(settings, MappoSettings):
        policy = train_mappo(settings, folder, **how)
    else:
        policy = train_td3(settings, folder, **how)
    last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
    track.mark(last["seconds"], last["flow_steps"])
    return policy


def _evolve(settings: EvolutionSettings, folder: Path, track: Track, seconds: float) -> Policy:
    """Prolong an evolution from validation to validation, until its time is over."""
    worlds = settings.population * settings.mixes * len(families_of(settings.noisy)) * settings.each
    while track.spent < seconds or not (folder / _POLICY).is_file():
        before, began = track.spent, time.process_time()
        known = track.samples // worlds
        longer = settings.model_copy(update={"generations": known + settings.validate_every})
        train_by_evolution(longer, folder, resume=True)
        track.mark(before + time.process_time() - began, longer.generations * worlds)
    return load_policy(folder / _POLICY)
