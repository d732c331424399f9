"""Comparisons: the same scenario under several arms and seeds, each run in a folder of its own.

Fairness is the default: every arm gets the same number of samples to process, its learning rate and schedule may
be chosen from one grid on validation samples, and runs of one seed share their scenario. Whatever is finished is never
run again, so a comparison that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from astraea.errors import InputError, RunError, unknown_name
from astraea.experiment.cost import samples_per_round
from astraea.experiment.folder import RunFolder
from astraea.experiment.identity import check_same_run
from astraea.experiment.prepare import prepare
from astraea.experiment.run import run
from astraea.experiment.settings import RunSettings, resolved
from astraea.federation.settings import SCHEDULES
from astraea.workers import worker_pool

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
    ``rates`` and ``schedules`` are what each arm ran with, and ``searched`` holds the validation score of each
    candidate that it tried, by the candidate's label; ``None`` for one that failed.
    """

    folder: Path
    seeds: tuple[int, ...]
    samples: int | None
    rates: Mapping[str, float]
    searched: Mapping[str, Mapping[str, float | None]]
    summaries: Mapping[str, Sequence[Mapping[str, Any]]]
    schedules: Mapping[str, str] = field(default_factory=dict)

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
    schedules: Sequence[str] = (),
    jobs: int = 1,
    watch: Callable[[Sequence[Job], int], None] | None = None,
    known: Callable[[RunSettings], Path | None] | None = None,
) -> Comparison:
    """Run every arm under ``seeds`` seeds, from its own seed upwards, and return what came of it.

    With ``match_samples`` each run gets as many samples as the first arm processes in its rounds. With ``rates``
    or ``schedules`` each arm first runs its first seed at each rate, under the first schedule, then at the best of them
    under each other schedule, and keeps what gave the best validation balanced accuracy: that of the model in use, the
    best one with early stopping and else the last. This needs ``evaluation.validation`` above 0. ``jobs`` runs go on
    side by side; ``watch(jobs, finished)`` is told of progress. ``known(settings)`` may name the folder of a finished
    run of these settings, which is copied instead of run again.

    Raises :class:`InputError` for arms that cannot be compared; :class:`RunError` if ``out`` holds another
    comparison, or if runs failed, after all others are done.
    """
    arms = {name: resolved(settings) for name, settings in arms.items()}
    if not arms or seeds < 1:
        raise InputError("a comparison needs at least one arm and one seed")
    if (rates or schedules) and any(settings.evaluation.validation == 0 for settings in arms.values()):
        raise InputError(
            "choosing a learning rate or schedule needs validation samples: set evaluation.validation, such as 0.1"
        )
    for schedule in schedules:
        if schedule not in SCHEDULES:
            raise unknown_name("schedule", schedule, SCHEDULES)
    budget = _budget(next(iter(arms.values()))) if match_samples else None
    if budget is not None:
        arms = {name: settings.model_copy(update={"samples": budget}) for name, settings in arms.items()}
    searched: dict[str, dict[str, float | None]] = {}
    runner = _Runner(jobs, watch or (lambda _plan, _done: None), known or (lambda _settings: None))
    if rates or schedules:
        arms, searched = _chosen(arms, rates, schedules, out, runner)
    plan = [
        Job(
            name,
            settings.model_copy(update={"seed": settings.seed + number}),
            _run_folder(out, name, settings.seed + number),
        )
        for number in range(seeds)
        for name, settings in arms.items()
    ]
    runner.run_all(plan)
    first = next(iter(arms.values())).seed
    facts = {
        "arms": list(arms),
        "seeds": list(range(first, first + seeds)),
        "samples": budget,
        "rates": {name: settings.train.lr for name, settings in arms.items()},
        "schedules": {name: settings.train.schedule for name, settings in arms.items()},
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
    return Comparison(
        folder,
        tuple(facts["seeds"]),
        facts["samples"],
        facts["rates"],
        facts["searched"],
        summaries,
        facts.get("schedules", {}),
    )


def _run_folder(out: Path, arm: str, seed: int) -> Path:
    return out / arm / f"seed-{seed}"


def _budget(reference: RunSettings) -> int:
    if reference.samples is not None:
        return reference.samples
    experiment = prepare(reference)
    experiment.engine.close()
    return round(samples_per_round(experiment) * reference.rounds)


def _chosen(
    arms: Mapping[str, RunSettings],
    rates: Sequence[float],
    schedules: Sequence[str],
    out: Path,
    runner: _Runner,
) -> tuple[dict[str, RunSettings], dict[str, dict[str, float | None]]]:
    """Return the arms at their best rates and schedules, and the score of each candidate that was tried."""
    candidates = {name: _candidates(settings, rates, schedules[:1]) for name, settings in arms.items()}
    searched = _search(candidates, out, runner)
    if schedules[1:]:  # a rate that is good under one schedule is good under the others: no need to try all pairs
        best = {name: candidates[name][_best(scores)] for name, scores in searched.items()}
        others = {name: _candidates(one, [one.train.lr] if rates else [], schedules[1:]) for name, one in best.items()}
        scores = _search(others, out, runner, tolerate=True)
        candidates = {name: found | others[name] for name, found in candidates.items()}
        searched = {name: found | scores[name] for name, found in searched.items()}
    labels = {name: _best(scores) for name, scores in searched.items()}
    for name, label in labels.items():
        _make_way(out / name, candidates[name][label])
        _copy(_search_folder(out, name, label), _run_folder(out, name, arms[name].seed))
    return {name: candidates[name][label] for name, label in labels.items()}, searched


def _best(scores: Mapping[str, float | None]) -> str:
    found = {label: score for label, score in scores.items() if score is not None}
    return max(found, key=lambda label: found[label])


def _candidates(settings: RunSettings, rates: Sequence[float], schedules: Sequence[str]) -> dict[str, RunSettings]:
    """Return the settings with each rate and schedule, by a label that names what was varied."""
    found = {}
    for rate in rates or [settings.train.lr]:
        for schedule in schedules or [settings.train.schedule]:
            label = ", ".join(([f"{rate:g}"] if rates else []) + ([schedule] if schedules else []))
            train = settings.train.model_copy(update={"lr": rate, "schedule": schedule})
            found[label] = settings.model_copy(update={"train": train})
    return found


def _search(
    candidates: Mapping[str, Mapping[str, RunSettings]],
    out: Path,
    runner: _Runner,
    *,
    tolerate: bool = False,
) -> dict[str, dict[str, float | None]]:
    """Return, for each arm, the validation score that each candidate reached, ``None`` for one that failed.

    Raises :class:`RunError` if all of an arm's failed, unless that is to be tolerated.
    """
    tried = [(name, label, settings) for name, found in candidates.items() for label, settings in found.items()]
    plan = [Job(f"{name} {label}", settings, _search_folder(out, name, label)) for name, label, settings in tried]
    failed = runner.run_all(plan, tolerate=True)
    scores: dict[str, dict[str, float | None]] = {name: {} for name in candidates}
    for job, (name, label, settings) in zip(plan, tried, strict=True):
        scores[name][label] = None
        if job.folder not in failed:
            folder = RunFolder(job.folder)
            which = "final" if settings.evaluation.early_stopping is None else "best"
            scores[name][label] = folder.read_json(folder.summary)[f"validation_balanced_accuracy_{which}"]
    for name, found in scores.items():
        if all(score is None for score in found.values()) and not tolerate:
            raise RunError(f"arm '{name}' failed at every one of {list(candidates[name])}: try smaller learning rates")
    return scores


def _search_folder(out: Path, arm: str, label: str) -> Path:
    return out / arm / "search" / label.replace(", ", "-")


def _make_way(arm: Path, chosen: RunSettings) -> None:
    """Set aside runs at an earlier choice of rate and schedule, and take back those at this one.

    A further rate to choose from may change the choice, and what was run must neither be lost nor pass for it.
    """

    def aside(settings: RunSettings) -> Path:
        return arm / "earlier" / f"{settings.train.lr:g}-{settings.train.schedule}"

    for config in sorted(arm.glob("seed-*/config.toml")):
        earlier = aside(RunFolder(config.parent).settings())
        if earlier != aside(chosen):
            earlier.mkdir(parents=True, exist_ok=True)
            config.parent.rename(earlier / config.parent.name)
    for folder in sorted(aside(chosen).glob("seed-*")):
        folder.rename(arm / folder.name)


def _copy(finished: Path, folder: Path) -> None:
    """Let a finished run be another folder's too, whole or not at all: it has the same settings."""
    if not folder.exists():
        partial = folder.with_name(f"{folder.name}.partial")
        shutil.copytree(finished, partial, dirs_exist_ok=True)
        partial.rename(folder)


@dataclass(frozen=True)
class _Runner:
    """How the runs of a comparison are done: ``jobs`` side by side, unless ``known`` has one already."""

    jobs: int
    watch: Callable[[Sequence[Job], int], None]
    known: Callable[[RunSettings], Path | None]

    def run_all(self, plan: Sequence[Job], *, tolerate: bool = False) -> set[Path]:
        """Run what is not finished; return the folders of runs that failed, or raise if that is not tolerated."""
        for job in plan:
            if not job.folder.exists() and (elsewhere := self.known(job.settings)) is not None:
                _copy(elsewhere, job.folder)
        waiting = [job for job in plan if not RunFolder(job.folder).finished]
        for job in plan:
            if job not in waiting:
                check_same_run(job.settings, RunFolder(job.folder).settings(), job.folder)
        failures: dict[Path, str] = {}
        done = len(plan) - len(waiting)
        self.watch(plan, done)
        with worker_pool(max(1, min(self.jobs, len(waiting)))) as pool:
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
                self.watch(plan, done)
        if failures and not tolerate:
            raise RunError(
                f"{len(failures)} of {len(plan)} runs failed, the first: {next(iter(failures.values()))}; "
                "the others are kept, and the same command goes on from there"
            )
        return set(failures)


def _run_job(job: Job) -> None:
    run(job.settings, out=job.folder, resume=True)
