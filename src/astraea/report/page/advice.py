"""One line on what to do next, from what was seen; each rule states the figures it rests on."""

from __future__ import annotations

import shlex
from typing import Any

import numpy as np

from astraea.experiment.columns import notes_of
from astraea.report.page.records import ComparisonRecord, RunRecord

__all__ = ["after_comparison", "after_run"]

_LOW_RECALL = 0.5
_STILL_RISING = 0.01  # gain of accuracy over the last fifth of a run's evaluations
_MANY_SKIPPED = 0.05
_MOSTLY_WAITING = 0.5
_LEVEL = 1.0  # points of accuracy
_NAMED = 5
_BALANCED = ("balanced accuracy", "balanced_accuracy_final")
_LONGER = "Train for more rounds, or try other learning rates."
_USE_IT = "Use fedavg: no arm is above it in balanced accuracy."


def after_run(run: RunRecord) -> list[str]:
    """Return what the reader of one run should do, the most urgent first; empty if nothing stands out."""
    where = shlex.quote(str(run.folder))
    if not run.finished:
        return [f"The run is not finished. Go on with: astraea run --resume --out {where}"]
    summary = run.summary
    found = []
    visits = summary["client_epochs"] or 1
    if summary.get("visits_skipped", 0) > _MANY_SKIPPED * visits:
        found.append(f"{summary['visits_skipped']:,} visits were skipped. Look at their reasons first.")
    recalls = dict(zip(summary["class_names"], summary["per_class_recall"], strict=True))
    low = [name for name, recall in recalls.items() if recall is not None and recall < _LOW_RECALL]
    if low and summary.get("regression") is None:
        names = ", ".join(low[:_NAMED]) + (f" and {len(low) - _NAMED} more" if len(low) > _NAMED else "")
        mend = (
            f"See whether balancing helps: astraea compare {where}/config.toml --arms fedavg,astraea"
            if run.algorithm == "fedavg"
            else _worse_over_time(run)
        )
        found.append(
            f"{len(low)} of {len(recalls)} classes are recognised less than half of the time ({names}). {mend}"
        )
    accuracy = [line["accuracy"] for line in run.history if line.get("accuracy") is not None]
    fifth = len(accuracy) // 5
    if fifth >= 2:
        gain = float(np.mean(accuracy[-fifth:]) - np.mean(accuracy[-2 * fifth : -fifth]))
        if gain > _STILL_RISING:
            found.append(f"Accuracy rose by {100 * gain:.1f} points in the last fifth of the run: train for longer.")
    return [*found, *_waiting(run)]


def _worse_over_time(run: RunRecord) -> str:
    """Return what classes that are hardly recognised need: more rounds help only while the model still gets better."""
    balanced = [line["balanced_accuracy"] for line in run.history if line.get("balanced_accuracy") is not None]
    half = len(balanced) // 2
    if half and max(balanced[half:]) <= max(balanced[:half]):
        return "More rounds do not help: the second half of the run brought nothing. They need more samples."
    return "They need more samples, or more rounds."


def after_comparison(comparison: ComparisonRecord) -> list[str]:
    """Return what the reader of a comparison should do, the most urgent first."""
    what, key = ("accuracy", "accuracy_final") if _regression(comparison) else _BALANCED
    finals = {arm: _finals(runs, key) for arm, runs in comparison.runs.items()}
    best = max(finals, key=lambda arm: float(finals[arm].mean()))
    found = []
    for arm, tried in comparison.facts.get("searched", {}).items():
        heads = (label.split(", ")[0] for label in tried)  # a label is a rate, a schedule, or "rate, schedule"
        rates = sorted({float(head) for head in heads if _is_number(head)})
        chosen = comparison.facts["rates"][arm]
        scores = {score for score in tried.values() if score is not None}
        if len(tried) > 1 and len(scores) < 2:
            found.append(f"{arm} has the same score at everything that was tried: the search says nothing. {_LONGER}")
        elif len(rates) > 1 and chosen in (rates[0], rates[-1]):
            end = "lowest" if chosen == rates[0] else "highest"
            found.append(f"{arm} does best at the {end} learning rate tried, {chosen:g}: try rates beyond it.")
    if "fedavg" in finals and best != "fedavg":
        gain = 100 * (finals[best] - finals["fedavg"])
        low, high = _interval(gain)
        if len(gain) == 1:
            found.append(
                f"{best} is {gain[0]:.1f} points of {what} above fedavg with one seed: run more seeds to be sure."
            )
        elif low <= 0 and gain.mean() < _LEVEL:
            found.append(
                f"fedavg is level with {best}: the difference is {gain.mean():.1f} points of {what}, between {low:.1f} "
                f"and {high:.1f} with 95 % confidence. Use fedavg, which is simpler."
            )
        elif low <= 0:
            found.append(
                f"{best} is {gain.mean():.1f} points of {what} above fedavg, but {len(gain)} seeds leave it open: "
                f"between {low:.1f} and {high:.1f} with 95 % confidence. Run more seeds."
            )
        else:
            found.append(
                f"Use {best}: it is {gain.mean():.1f} points of {what} above fedavg, between {low:.1f} and {high:.1f} "
                f"with 95 % confidence over {len(gain)} seeds. Look at what it costs in bytes and steps."
            )
    elif "fedavg" in finals and len(finals) > 1:
        alone = len(next(iter(finals.values()))) == 1
        found.append(
            f"No arm is above fedavg in {what} with one seed: run more seeds to be sure." if alone else _USE_IT
        )
    return [*found, *notes_of(comparison.facts.get("samples"), _summaries(comparison))]


def _finals(runs: list[RunRecord], key: str) -> np.ndarray:
    return np.array([run.summary[key] for run in runs], float)


def _regression(comparison: ComparisonRecord) -> bool:
    return any(run.summary.get("regression") is not None for runs in comparison.runs.values() for run in runs)


def _summaries(comparison: ComparisonRecord) -> dict[str, list[dict[str, Any]]]:
    return {arm: [run.summary for run in runs] for arm, runs in comparison.runs.items()}


def _interval(differences: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the mean of paired differences (Student's t)."""
    from scipy.special import stdtrit  # the quantile of Student's t

    count = len(differences)
    if count < 2:
        return -np.inf, np.inf
    half = float(stdtrit(count - 1, 0.975)) * float(differences.std(ddof=1)) / np.sqrt(count)
    return float(differences.mean() - half), float(differences.mean() + half)


def _waiting(run: RunRecord) -> list[str]:
    split = run.summary.get("simulated_split")
    if not split or sum(split.values()) == 0:
        return []
    share = 1 - split["compute"] / sum(split.values())
    if share < _MOSTLY_WAITING:
        return []
    away = sum(line.get("round_away_seconds", 0.0) for line in run.history)
    if away > _MOSTLY_WAITING * split["waiting"]:
        return [
            (
                f"{away / sum(split.values()):.0%} of the simulated time was waiting for clients that could not be "
                "reached: with a deadline_s in the network's file a round goes on without them."
            )
        ]
    mend = "try fewer clients in a round, longer visits, or another --sharing"
    return [f"{share:.0%} of the simulated time is transfers and waiting for them: {mend}."]


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True
