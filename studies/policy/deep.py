"""Compare deep policies with the law and write the page. The same command goes on where it stopped.

Each training gets as many minutes of a processor. It is kept in OUT/ARM/seed-N, and what it came to in the worlds of
CELLS beside it in ``scores.json``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from deep_arms import ARMS
from deep_cells import CELLS, COURSE, FEW, decisions_a_world, judge, returns
from deep_pages import write_page
from deep_train import Track, train
from rich.console import Console

from astraea.cli.shell import friendly
from astraea.congestion.policy import Policy, load_policy, shipped_policy
from astraea.congestion.policy.law import LAW
from astraea.errors import unknown_name
from astraea.files import write_json

_CONSOLE = Console(stderr=True, highlight=False)


class Step(StrEnum):
    """Where to stop."""

    TRAIN = "train"
    JUDGE = "judge"
    PAGE = "page"


def main(
    minutes: Annotated[float, typer.Option(min=0.01, help="Minutes of a processor that a training gets.")] = 30.0,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each arm.")] = 3,
    arms: Annotated[str | None, typer.Option(help="Only these arms, separated by semicolons.")] = None,
    worlds: Annotated[int, typer.Option(min=2, max=20, help="Worlds of a cell.")] = 20,
    out: Annotated[Path, typer.Option(help="Where runs are kept.")] = Path("runs/studies/policy-deep"),
    results: Annotated[Path | None, typer.Option(help="Where the page goes; by default docs/results.")] = None,
    only: Annotated[Step | None, typer.Option(help="Take one step alone, with what is there.")] = None,
) -> None:
    """Train what is missing, let all play the cells, and write the page."""
    with friendly(resume="the same command"):
        names = [name.strip() for name in arms.split(";")] if arms else list(ARMS)
        for name in names:
            if name not in ARMS:
                raise unknown_name("arm", name, ARMS)
        if only in (None, Step.TRAIN):
            for seed in range(seeds):
                for name in names:
                    _CONSOLE.print(f"{name}, seed {seed}: training")
                    train(name, seed, out / name / f"seed-{seed}", minutes)
        if only in (None, Step.JUDGE):
            _judge(out, names, seeds, worlds, minutes)
        if only in (None, Step.PAGE) and not write_page(out, results or Path(__file__).parents[2] / "docs" / "results"):
            _CONSOLE.print("nothing is finished yet")


def without_parts(out: Path) -> dict[str, Policy]:
    """Return the shipped law and the first policy of each arm with parts of them switched off.

    A network on top of the law is the law with its network zeroed, so it is not played.
    """
    law = shipped_policy()
    found = {"shipped, no rivals": without_rivals(law), "shipped, no drains": without_drains(law)}
    for name in ARMS:
        file = out / name / "seed-0" / "policy.safetensors"
        if name != "law" and file.is_file():
            deep = load_policy(file)
            if deep.header.kind == "network":
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


def _judge(out: Path, names: list[str], seeds: int, worlds: int, minutes: float) -> None:
    """Let all that is there play the cells, and the policies of each training's course the worlds of the return."""
    a_world = decisions_a_world()
    for name, policy in {"shipped": shipped_policy(), "shipped deep": load_policy("deep")}.items():
        _score(out / name, {"arm": name, "seed": 0}, policy, worlds)
    for seed in range(seeds):
        for name in names:
            folder = out / name / f"seed-{seed}"
            if not (folder / "policy.safetensors").is_file():
                continue
            track = Track(folder)
            facts = {"arm": name, "seed": seed, "minutes": minutes, "cpu_s": track.spent}
            facts["decisions"] = round(track.samples * a_world) if name in _EVOLVE else track.samples
            _score(folder, facts, load_policy(folder / "policy.safetensors"), worlds)
            _follow(folder, track, a_world if name in _EVOLVE else 1.0)
    for name, policy in without_parts(out).items():
        _score(out / name, {"arm": name, "seed": 0}, policy, worlds)


_EVOLVE = ("law", "residual", "network")


def _follow(folder: Path, track: Track, per_sample: float) -> None:
    """Write into ``course.json`` what a training had earned in fresh worlds after each quarter of its length."""
    file = folder / "course.json"
    rows = [track.rows[max(quarter * len(track.rows) // 4 - 1, 0)] for quarter in range(1, 5)]
    if file.is_file() and json.loads(file.read_text())[-1]["cpu_s"] == rows[-1]["cpu_s"]:
        return
    earned: dict[str, float] = {}
    for name in dict.fromkeys(row["policy"] for row in rows):
        earned[name] = float(np.mean(returns(load_policy(folder / name), COURSE)["all"]))
    course = [
        {"cpu_s": row["cpu_s"], "decisions": round(row["samples"] * per_sample), "return": earned[row["policy"]]}
        for row in rows
    ]
    write_json(file, course)


def _score(folder: Path, facts: dict[str, Any], policy: Policy, worlds: int) -> None:
    """Let a policy play the cells, unless it has."""
    file = folder / "scores.json"
    known = json.loads(file.read_text()) if file.is_file() else {}
    facts = {**facts, "weights": _digest(policy), "worlds": worlds}
    if all(known.get(key) == value for key, value in facts.items()):
        return
    folder.mkdir(parents=True, exist_ok=True)
    _CONSOLE.print(f"{facts['arm']}, seed {facts['seed']}: playing {worlds} worlds of each cell")
    few = [cell for cell in CELLS if cell.title in FEW]
    whole = "," not in facts["arm"]
    write_json(file, {**facts, "cells": judge(policy, worlds, CELLS if whole else few)})


def _digest(policy: Policy) -> list[float]:
    """Return a few numbers that differ between different weights."""
    weights = policy.weights.astype(np.float64)
    return [float(weights.sum()), float(np.abs(weights).sum()), float(weights @ np.arange(len(weights)))]


if __name__ == "__main__":
    typer.run(main)
