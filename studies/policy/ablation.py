"""Run the policy's ablation and write its tables and picture. The same command goes on where it stopped.

A training and its scores are kept in RUNS/ARM/seed-N; what is finished is never run again. The page is made anew
whenever a run is finished, from these folders alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import as_completed
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from arms import ARMS, UNTRAINED, settings_of
from pages import write_page
from rich.console import Console

from astraea.cli.shell import friendly
from astraea.congestion.evaluation.suite import Setup
from astraea.congestion.evaluation.suites.grids import GRID
from astraea.congestion.play import simulate
from astraea.congestion.policy.policy import Policy
from astraea.congestion.trainer.td3 import Td3Settings, train_td3
from astraea.congestion.trainer.td3.export import header_of
from astraea.errors import InputError, unknown_name
from astraea.files import write_json
from astraea.workers import worker_pool

_CONSOLE = Console(stderr=True, highlight=False)
_PACE_STEPS = 10_000
_SEED = 1000  # of the grid: not one with which the evaluation is run


def main(
    minutes: Annotated[
        float, typer.Option(min=0.1, help="Length of a training, as measured when the study began.")
    ] = 7.0,
    decisions: Annotated[int | None, typer.Option(min=1, help="The same in decisions, in place of minutes.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each arm.")] = 3,
    arms: Annotated[str | None, typer.Option(help="Only these arms, separated by semicolons.")] = None,
    worlds: Annotated[int, typer.Option(min=1, max=150, help="Worlds that judge each policy.")] = 60,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Trainings side by side.")] = 2,
    out: Annotated[Path | None, typer.Option(help="Where runs are kept; by default runs/studies/policy.")] = None,
    results: Annotated[Path | None, typer.Option(help="Where the page goes; by default docs/results.")] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Tiny sizes: whether it runs, not what it finds.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Run nothing: write the page of what is finished.")] = False,
) -> None:
    """Run the ablation, or go on with it, and write its results."""
    with friendly(resume="the same command"):
        kept = out or Path("runs/studies-smoke/policy" if smoke else "runs/studies/policy")
        pages = results or (kept / "results" if smoke else Path(__file__).parents[2] / "docs" / "results")
        names = [name.strip() for name in arms.split(";")] if arms else list(ARMS)
        for name in names:
            if name not in ARMS:
                raise unknown_name("arm", name, ARMS)
        if smoke:
            decisions, seeds, worlds, jobs = 800, 1, 2, 1
        if not report:
            budget = _budget(kept, minutes, decisions)
            _run(kept, pages, [(name, seed) for seed in range(seeds) for name in names], budget, worlds, jobs, smoke)
        if not write_page(kept, pages):
            _CONSOLE.print("nothing is finished yet")


def _budget(kept: Path, minutes: float, decisions: int | None) -> int:
    """Return the decisions of every training, which the first call of a study settles."""
    file = kept / "budget.json"
    if file.is_file():
        known: int = json.loads(file.read_text())["decisions"]
        if decisions not in (None, known):
            raise InputError(f"this study's trainings take {known:,} decisions: choose another --out for {decisions:,}")
        return known
    kept.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {"decisions": decisions}
    if decisions is None:
        _CONSOLE.print("measuring how fast a training is on this machine")
        settings = settings_of("cooperative", 0, 2 * _PACE_STEPS).model_copy(update={"updates": 2 * _PACE_STEPS})
        marks: list[tuple[float, int]] = []
        train_td3(settings, kept / "pace", resume=True, watch=lambda p: marks.append((time.monotonic(), p.flow_steps)))
        half = [mark for mark in marks if mark[1] >= _PACE_STEPS]  # what came before was compilation and warm-up
        per_minute = 60 * (half[-1][1] - half[0][1]) / (half[-1][0] - half[0][0])
        found = {"decisions": round(minutes * per_minute, -4) or 10_000, "minutes": minutes, "per_minute": per_minute}
        found["decisions"] = int(found["decisions"])
    write_json(file, found)
    return int(found["decisions"])


def _run(
    kept: Path, pages: Path, wanted: Sequence[tuple[str, int]], budget: int, worlds: int, jobs: int, smoke: bool
) -> None:
    folders = {job: kept / job[0].replace(" ", "-").replace(",", "") / f"seed-{job[1]}" for job in wanted}
    missing = [job for job in wanted if not (folders[job] / "scores.json").is_file()]
    _CONSOLE.print(f"{len(missing)} of {len(wanted)} trainings of {budget:,} decisions are to be run")
    with worker_pool(jobs) as pool:
        futures = {pool.submit(_one, *job, folders[job], budget, worlds, smoke): job for job in missing}
        for done, future in enumerate(as_completed(futures), 1):
            found = future.result()
            arm, seed = futures[future]
            jain = sum(world["jain"] for world in found["worlds"]) / len(found["worlds"])
            _CONSOLE.print(f"  {done} of {len(missing)}: {arm}, seed {seed}: Jain's index {jain:.3f}")
            write_page(kept, pages)


def _one(arm: str, seed: int, folder: Path, budget: int, worlds: int, smoke: bool) -> dict[str, Any]:
    """Train one policy and let it play the grid."""
    settings = settings_of(arm, seed, budget, smoke=smoke)
    policy = _untrained(settings) if arm == UNTRAINED else train_td3(settings, folder, resume=True)
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for case in GRID.cases(Setup(policy.header.controller, _SEED, worlds)):
        values = GRID.measure(simulate(case.world, policy=policy))
        outcomes.append(
            {**case.conditions, **{key: values[key] for key in ("jain", "utilisation", "queue_ms", "loss")}}
        )
    found = {"arm": arm, "seed": seed, "decisions": budget, "worlds": outcomes}
    write_json(folder / "scores.json", found)
    return found


def _untrained(settings: Td3Settings) -> Policy:
    """Return a policy of the training's shape that changes nothing."""
    header = header_of(settings)
    return Policy(header, np.zeros(sum((into + 1) * out for into, out in pairwise(header.widths)), np.float32))


if __name__ == "__main__":
    typer.run(main)
