"""An arm's learning rate and schedule, chosen on validation samples: each candidate is a run in a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from astraea.errors import RunError
from astraea.experiment.comparison import run_folder
from astraea.experiment.folder import RunFolder
from astraea.experiment.jobs import Job, Runner, copy_run
from astraea.experiment.settings import RunSettings, resolved

__all__ = ["chosen"]


def chosen(
    arms: Mapping[str, RunSettings],
    rates: Sequence[float],
    schedules: Sequence[str],
    out: Path,
    runner: Runner,
) -> tuple[dict[str, RunSettings], dict[str, dict[str, float | None]]]:
    """Return the arms at their best rates and schedules, and the score of each candidate that was tried."""
    candidates = {name: _candidates(settings, rates, schedules[:1]) for name, settings in arms.items()}
    searched = _search(candidates, out, runner)
    if schedules[1:]:  # a rate that is good under one schedule is good under the others: no need to try all pairs
        best = {name: candidates[name][_best(scores)] for name, scores in searched.items()}
        others = {
            name: _candidates(one, [one.train.first_rate] if rates else [], schedules[1:]) for name, one in best.items()
        }
        scores = _search(others, out, runner, tolerate=True)
        candidates = {name: found | others[name] for name, found in candidates.items()}
        searched = {name: found | scores[name] for name, found in searched.items()}
    labels = {name: _best(scores) for name, scores in searched.items()}
    for name, label in labels.items():
        _make_way(out / name, candidates[name][label])
        copy_run(_search_folder(out, name, label), run_folder(out, name, arms[name].seed))
    return {name: candidates[name][label] for name, label in labels.items()}, searched


def _best(scores: Mapping[str, float | None]) -> str:
    found = {label: score for label, score in scores.items() if score is not None}
    return max(found, key=lambda label: found[label])


def _candidates(settings: RunSettings, rates: Sequence[float], schedules: Sequence[str]) -> dict[str, RunSettings]:
    """Return the settings with each rate and schedule, by a label that names what was varied."""
    found = {}
    wanted: Sequence[float | None] = rates or [None]
    for rate in wanted:
        for schedule in schedules or [settings.train.schedule]:
            label = ", ".join(([] if rate is None else [f"{rate:g}"]) + ([schedule] if schedules else []))
            changes = {"schedule": schedule} | ({} if rate is None else {"lr": rate})
            train = settings.train.model_copy(update=changes)
            found[label] = settings.model_copy(update={"train": train})
    return found


def _search(
    candidates: Mapping[str, Mapping[str, RunSettings]],
    out: Path,
    runner: Runner,
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
        return arm / "earlier" / f"{resolved(settings).train.lr:g}-{settings.train.schedule}"

    for config in sorted(arm.glob("seed-*/config.toml")):
        earlier = aside(RunFolder(config.parent).settings())
        if earlier != aside(chosen):
            earlier.mkdir(parents=True, exist_ok=True)
            config.parent.rename(earlier / config.parent.name)
    for folder in sorted(aside(chosen).glob("seed-*")):
        folder.rename(arm / folder.name)
