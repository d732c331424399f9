"""Comparisons: the same scenario under several arms and seeds, each run in a folder of its own.

Fairness is the default: every arm gets the same number of samples to process, its learning rate may be chosen
from one grid on validation samples, and runs of one seed share their scenario. Whatever is finished is never
run again, so a comparison that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astraea.errors import InputError, RunError
from astraea.experiment.cost import samples_per_round
from astraea.experiment.folder import RunFolder
from astraea.experiment.prepare import prepare
from astraea.experiment.run import run
from astraea.experiment.settings import RunSettings, resolved

__all__ = ["Comparison", "Job", "compare", "load_comparison"]

_FILE = "comparison.json"


@dataclass(frozen=True)
class Job:
    """One run of a comparison."""

    arm: str
    settings: RunSettings
    folder: Path


@dataclass(frozen=True)
class Comparison:
    """A finished comparison: for each arm, its settings and the summary of each seed, in the order of ``seeds``.

    ``samples`` is the budget that every run had, or ``None`` where arms ran for their own number of rounds.
    ``searched`` holds for each arm the validation score of each learning rate tried.
    """

    folder: Path
    seeds: tuple[int, ...]
    samples: int | None
    rates: Mapping[str, float]
    searched: Mapping[str, Mapping[str, float]]
    summaries: Mapping[str, Sequence[Mapping[str, Any]]]

    def history(self, arm: str, seed: int) -> list[dict[str, Any]]:
        """Return the metrics of every round of one run."""
        return RunFolder(_run_folder(self.folder, arm, seed)).read_metrics()


def compare(
    arms: Mapping[str, RunSettings],
    seeds: int,
    out: Path,
    *,
    match_samples: bool = True,
    rates: Sequence[float] = (),
    jobs: int = 1,
    watch: Callable[[Sequence[Job], int], None] | None = None,
) -> Comparison:
    """Run every arm under ``seeds`` seeds, from its own seed upwards, and return what came of it.

    With ``match_samples`` each run gets as many samples as the first arm processes in its rounds. With
    ``rates`` each arm first runs its first seed at each rate and keeps the one with the best validation
    balanced accuracy, which needs ``evaluation.validation`` above 0. ``jobs`` runs go on side by side;
    ``watch(jobs, finished)`` is told of progress.

    Raises :class:`InputError` for arms that cannot be compared; :class:`RunError` if ``out`` holds another
    comparison, or if runs failed, after all others are done.
    """
    arms = {name: resolved(settings) for name, settings in arms.items()}
    if not arms or seeds < 1:
        raise InputError("a comparison needs at least one arm and one seed")
    if rates and any(settings.evaluation.validation == 0 for settings in arms.values()):
        raise InputError("choosing a learning rate needs validation samples: set evaluation.validation, such as 0.1")
    budget = _budget(next(iter(arms.values()))) if match_samples else None
    if budget is not None:
        arms = {name: settings.model_copy(update={"samples": budget}) for name, settings in arms.items()}
    searched: dict[str, dict[str, float]] = {}
    chosen = {name: settings.train.lr for name, settings in arms.items()}
    if rates:
        searched = _search(arms, rates, out, jobs, watch)
        chosen = {name: float(max(scores, key=lambda rate: scores[rate])) for name, scores in searched.items()}
        arms = {name: _with_rate(settings, chosen[name]) for name, settings in arms.items()}
    plan = [
        Job(
            name,
            settings.model_copy(update={"seed": settings.seed + number}),
            _run_folder(out, name, settings.seed + number),
        )
        for number in range(seeds)
        for name, settings in arms.items()
    ]
    _run_all(plan, jobs, watch)
    first = next(iter(arms.values())).seed
    facts = {
        "arms": list(arms),
        "seeds": list(range(first, first + seeds)),
        "samples": budget,
        "rates": chosen,
        "searched": searched,
    }
    (out / _FILE).write_text(json.dumps(facts, indent=2) + "\n")
    return load_comparison(out)


def load_comparison(folder: Path) -> Comparison:
    """Return a finished comparison from its folder. Raises :class:`RunError` if there is none."""
    try:
        facts = json.loads((folder / _FILE).read_text())
    except FileNotFoundError as error:
        raise RunError(f"{folder} holds no finished comparison: it has no {_FILE}") from error
    except ValueError as error:
        raise RunError(f"{folder / _FILE} is damaged ({error}): run the comparison again to write it anew") from error
    summaries: dict[str, list[dict[str, Any]]] = {}
    for arm in facts["arms"]:
        runs = [RunFolder(_run_folder(folder, arm, seed)) for seed in facts["seeds"]]
        summaries[arm] = [one.read_json(one.summary) for one in runs]
    return Comparison(folder, tuple(facts["seeds"]), facts["samples"], facts["rates"], facts["searched"], summaries)


def _run_folder(out: Path, arm: str, seed: int) -> Path:
    return out / arm / f"seed-{seed}"


def _budget(reference: RunSettings) -> int:
    if reference.samples is not None:
        return reference.samples
    experiment = prepare(reference)
    experiment.engine.close()
    return round(samples_per_round(experiment) * reference.rounds)


def _with_rate(settings: RunSettings, rate: float) -> RunSettings:
    return settings.model_copy(update={"train": settings.train.model_copy(update={"lr": rate})})


def _search(
    arms: Mapping[str, RunSettings],
    rates: Sequence[float],
    out: Path,
    jobs: int,
    watch: Callable[[Sequence[Job], int], None] | None,
) -> dict[str, dict[str, float]]:
    """Return, for each arm, the best validation score that each rate reached."""
    plan = [
        Job(f"{name} lr={rate:g}", _with_rate(settings, rate), out / name / "search" / f"lr-{rate:g}")
        for name, settings in arms.items()
        for rate in rates
    ]
    failed = _run_all(plan, jobs, watch, tolerate=True)
    scores: dict[str, dict[str, float]] = {name: {} for name in arms}
    for job, name in zip(plan, (name for name in arms for _ in rates), strict=True):
        if job.folder not in failed:
            folder = RunFolder(job.folder)
            scores[name][f"{job.settings.train.lr:g}"] = folder.read_json(folder.summary)[
                "validation_balanced_accuracy_final"
            ]
    for name, found in scores.items():
        if not found:
            raise RunError(f"arm '{name}' failed at every learning rate of {list(rates)}: try smaller ones")
    return scores


def _run_all(
    plan: Sequence[Job],
    jobs: int,
    watch: Callable[[Sequence[Job], int], None] | None,
    *,
    tolerate: bool = False,
) -> set[Path]:
    """Run what is not finished; return the folders of runs that failed, or raise if that is not tolerated."""
    waiting = [job for job in plan if not RunFolder(job.folder).finished]
    failures: dict[Path, str] = {}
    done = len(plan) - len(waiting)
    if watch is not None:
        watch(plan, done)
    # Spawned, not forked: PyTorch's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=max(1, min(jobs, len(waiting) or 1)), mp_context=context) as pool:
        running: dict[Future[None], Job] = {pool.submit(_run_job, job): job for job in waiting}
        while running:
            ended, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in ended:
                job = running.pop(future)
                error = future.exception()
                if error is not None:
                    failures[job.folder] = f"{job.arm}, seed {job.settings.seed}: {error}"
                else:
                    done += 1
            if watch is not None:
                watch(plan, done)
    if failures and not tolerate:
        raise RunError(
            f"{len(failures)} of {len(plan)} runs failed, the first: {next(iter(failures.values()))}; "
            "the others are kept, and the same command goes on from there"
        )
    return set(failures)


def _run_job(job: Job) -> None:
    run(job.settings, out=job.folder, resume=True)
