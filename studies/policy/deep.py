"""Compare deep policies with the law and write the page. The same command goes on where it stopped.

A training is kept in RUNS/ARM/seed-N, and what it came to in the worlds of CELLS beside it in ``scores.json``. More
``--generations`` prolong the trainings that evolve.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from deep_arms import ARMS, settings_of
from deep_cells import judge
from deep_pages import write_page
from rich.console import Console

from astraea.cli.shell import friendly
from astraea.congestion.policy import Policy, load_policy, shipped_policy
from astraea.congestion.policy.law import LAW
from astraea.congestion.trainer.evolution import Evolution, EvolutionSettings, residual_settings
from astraea.congestion.trainer.mappo import MappoSettings, train_mappo
from astraea.congestion.trainer.search import train_by_evolution
from astraea.congestion.trainer.td3 import train_td3
from astraea.errors import unknown_name
from astraea.files import write_json

_CONSOLE = Console(stderr=True, highlight=False)


def main(
    generations: Annotated[int, typer.Option(min=1, help="Generations of a training, in steps of five.")] = 150,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each arm.")] = 3,
    arms: Annotated[str | None, typer.Option(help="Only these arms, separated by semicolons.")] = None,
    worlds: Annotated[int, typer.Option(min=2, max=20, help="Worlds of a cell.")] = 20,
    out: Annotated[Path, typer.Option(help="Where runs are kept.")] = Path("runs/studies/policy-deep"),
    results: Annotated[Path | None, typer.Option(help="Where the page goes; by default docs/results.")] = None,
    report: Annotated[bool, typer.Option("--report", help="Run nothing: write the page of what is finished.")] = False,
) -> None:
    """Train what is missing, let all play the cells, and write the page."""
    with friendly(resume="the same command"):
        names = [name.strip() for name in arms.split(";")] if arms else list(ARMS)
        for name in names:
            if name not in ARMS:
                raise unknown_name("arm", name, ARMS)
        if not report:
            for seed in range(seeds):
                for name in names:
                    folder = out / name / f"seed-{seed}"
                    policy = train(name, seed, folder, generations)
                    _score(folder, {"arm": name, "seed": seed, "generations": generations}, policy, worlds)
            for name, policy in fixed(out).items():
                _score(out / name, {"arm": name, "seed": 0}, policy, worlds)
        if not write_page(out, results or Path(__file__).parents[2] / "docs" / "results"):
            _CONSOLE.print("nothing is finished yet")


def train(arm: str, seed: int, folder: Path, generations: int) -> Policy:
    """Train one policy, or go on with it; processor seconds are kept in ``spent.json``."""
    spent = _Spent(folder / "spent.json")
    settings = settings_of(arm, seed, generations)
    if isinstance(settings, EvolutionSettings):
        return train_by_evolution(settings, folder, resume=True, watch=lambda *_: spent.write())
    if isinstance(settings, MappoSettings):
        return train_mappo(settings, folder, resume=True, watch=lambda *_: spent.write())
    return train_td3(settings, folder, resume=True, watch=lambda *_: spent.write())


def fixed(out: Path) -> dict[str, Policy]:
    """Return what is compared beside the trainings: the shipped law, and policies with parts of them switched off."""
    law = shipped_policy()
    start = Evolution(residual_settings()).subject
    begun = start.policy(start.start, {})
    found = {
        "shipped": law,
        "shipped, no rivals": without_rivals(law),
        "shipped, no drains": without_drains(law),
        "residual, untrained": begun,
    }
    for name in ARMS:
        file = out / name / "seed-0" / "policy.safetensors"
        if name != "law" and file.is_file():
            deep = load_policy(file)
            found[f"{name}, zeroed"] = zeroed(deep)
            found[f"{name}, no rivals"] = without_rivals(deep)
            found[f"{name}, no drains"] = without_drains(deep)
    return found


def zeroed(policy: Policy) -> Policy:
    """Return a policy whose network says nothing: of a residual the law is left, of a network alone no action."""
    weights = policy.weights.copy()
    weights[len(LAW) if policy.header.kind == "residual" else 0 :] = 0
    return replace(policy, weights=weights)


def without_rivals(policy: Policy) -> Policy:
    """Return the policy in windows that never believe in rivals, whatever drains leave and rates do."""
    control = policy.header.control.model_copy(update={"rivals": False})
    return replace(policy, header=policy.header.model_copy(update={"control": control}))


def without_drains(policy: Policy) -> Policy:
    """Return the policy in windows that never drain, and so neither renew their base nor find rivals by drains."""
    control = policy.header.control.model_copy(update={"refresh_s": None})
    return replace(policy, header=policy.header.model_copy(update={"control": control}))


def _score(folder: Path, facts: dict[str, Any], policy: Policy, worlds: int) -> None:
    """Let a policy play the cells, unless it has."""
    file = folder / "scores.json"
    known = json.loads(file.read_text()) if file.is_file() else {}
    facts |= {"weights": _digest(policy), "worlds": worlds}
    if all(known.get(key) == value for key, value in facts.items()):
        return
    folder.mkdir(parents=True, exist_ok=True)
    spent = folder / "spent.json"
    cost = json.loads(spent.read_text())["cpu_s"] if spent.is_file() else None
    _CONSOLE.print(f"{facts['arm']}, seed {facts['seed']}: playing {worlds} worlds of each cell")
    write_json(file, {**facts, "cpu_s": cost, "cells": judge(policy, worlds)})


def _digest(policy: Policy) -> list[float]:
    """Return a few numbers that differ between different weights."""
    weights = policy.weights.astype(np.float64)
    return [float(weights.sum()), float(np.abs(weights).sum()), float(weights @ np.arange(len(weights)))]


class _Spent:
    """Processor seconds of a training, stopped and resumed or not."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._before = json.loads(file.read_text())["cpu_s"] if file.is_file() else 0.0
        self._began = time.process_time()

    def write(self) -> None:
        """Write down what has been spent by now."""
        write_json(self._file, {"cpu_s": round(self._before + time.process_time() - self._began, 1)})


if __name__ == "__main__":
    typer.run(main)
