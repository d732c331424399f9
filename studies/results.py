"""A study's results as a page: tables, a picture and every value, from the folders of its runs and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pictures import FINAL, SENT, draw
from study import Study

from astraea.experiment.comparison import Comparison
from astraea.figures import write_figure
from astraea.files import write_text
from astraea.tables import Column, Table, csv_text, mean_spread, number

__all__ = ["Finished", "contrast", "plateaus", "traffic_to", "write_results"]

Finished = Mapping[tuple[str, str], Comparison]
"""Finished comparisons by dataset and case, in the order of the study."""

WINDOW = 3
"""Evaluations whose mean must reach a target."""


ACCURACY = (
    Column("accuracy_final", FINAL, 100),
    Column("accuracy_deployed", "in use (%)", 100),
    Column("accuracy_best", "best (%)", 100),
    Column("balanced_accuracy_final", "balanced (%)", 100),
    Column("tail_recall", "rarest quarter (%)", 100),
    Column("worst_decile_client_accuracy", "worst tenth of clients (%)", 100),
)
COST = (
    Column("client_epochs", "client epochs (k)", 1e-3, spread=False),
    Column("samples_processed", "samples (k)", 1e-3, 0, spread=False),
    Column("critical_path_steps", "critical-path steps (k)", 1e-3, spread=False),
    Column("bytes_sent", SENT, 1e-6, 0, spread=False),
    Column("storage_overhead", "extra storage (%)", 100, 0, spread=False),
    Column("client_kl_mean", "KL of clients", 1, 3, spread=False),
    Column("mediator_kl_mean", "KL of mediators", 1, 3, spread=False),
)


def write_results(study: Study, name: str, finished: Finished, folder: Path, command: str) -> None:
    """Write NAME.md, NAME.png and NAME.csv into ``folder``; what is not finished is left out and named."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / f"{name}.md", _page(study, name, finished, command))
    columns = (*ACCURACY, *COST)
    rows: list[list[object]] = [["dataset", "case", "arm", "seed", "rate", "schedule", *(c.title for c in columns)]]
    for (dataset, case), found in finished.items():
        for arm, summaries in found.summaries.items():
            for seed, summary in zip(found.seeds, summaries, strict=True):
                values = [float(column.values([summary])[0]) for column in columns]
                rows.append([dataset, case, arm, seed, found.rates[arm], found.schedules[arm], *values])
    write_text(folder / f"{name}.csv", csv_text(rows))
    told = [{str(title): str(cell) for title, cell in zip(rows[0], row, strict=True)} for row in rows[1:]]
    write_figure(folder / f"{name}.png", draw(told, study.picture), dpi=110)


def plateaus(found: Comparison, arms: Sequence[str]) -> tuple[str, list[float]] | None:
    """Return that one of ``arms`` which ends highest, and each seed's mean accuracy of its last three evaluations.

    A seed has a plateau of its own, which its run crosses by definition: traffic to it is paired by seed.
    """
    ends = {
        arm: [float(np.mean(_accuracies(found.history(arm, seed))[-WINDOW:])) for seed in found.seeds]
        for arm in arms
        if arm in found.summaries
    }
    best = max(ends, key=lambda arm: np.mean(ends[arm]), default=None)
    return None if best is None else (best, ends[best])


def traffic_to(history: Sequence[Mapping[str, Any]], target: float) -> float | None:
    """Return the bytes sent when the mean of three evaluations first reached ``target``, or ``None``."""
    accuracy = _accuracies(history)
    sent = [line["bytes_sent"] for line in history if "accuracy" in line]
    for last in range(WINDOW, len(accuracy) + 1):
        if np.mean(accuracy[last - WINDOW : last]) >= target:
            return float(sent[last - 1])
    return None


def _accuracies(history: Sequence[Mapping[str, Any]]) -> list[float]:
    return [line["accuracy"] for line in history if "accuracy" in line]


def _page(study: Study, name: str, finished: Finished, command: str) -> str:
    lines = [
        f"# {study.title}",
        "",
        study.about.strip(),
        "",
        f"Made by `{command}`; every value is in `{name}.csv`.",
        "",
    ]
    lines += [f"![{study.title}]({name}.png)", ""]
    if study.contrasts:
        lines += ["Differences of final accuracy in points, paired by seed (a share where % is written):", ""]
        lines += [_contrast_table(study, finished).markdown(), ""]
    for (dataset, case), found in finished.items():
        about = study.cases[case].about
        lines += [f"## {dataset}, {case}" + (f": {about}" if about else ""), "", _setting(found), ""]
        lines += [_accuracy_table(found).markdown(), "", _cost_table(study, found).markdown(), ""]
        if found.searched:
            lines += ["Balanced accuracy (%) on validation samples, first seed; rates and schedules were chosen by it:"]
            lines += ["", _search_table(found).markdown(), ""]
    waiting = [
        f"{dataset}, {case}" for dataset in study.datasets for case in study.cases if (dataset, case) not in finished
    ]
    if waiting:
        lines += [f"Not finished: {'; '.join(waiting)}.", ""]
    return "\n".join(lines)


def _setting(found: Comparison) -> str:
    arm, summaries = next(iter(found.summaries.items()))
    first = summaries[0]
    counts = np.array(first["class_counts"])
    notes = " ".join(first["notes"])
    return (
        f"{first['scenario']}; {counts.sum():,} training samples, {counts.min()} to {counts.max()} a class; "
        f"{first['rounds']} rounds of {arm}; "
        f"{len(found.seeds)} {'seeds' if len(found.seeds) > 1 else 'seed'}. {notes}".rstrip()
    )


def _accuracy_table(found: Comparison) -> Table:
    reference = next(iter(found.summaries))
    difference = f"final − {reference} (points)"
    rows = []
    for arm, summaries in found.summaries.items():
        paired = "" if arm == reference else contrast(found, [arm, reference])
        chosen = f"{found.rates[arm]:g}, {found.schedules[arm]}"
        rows.append([arm, *(column.text(summaries) for column in ACCURACY), paired, chosen])
    return Table(["arm", *(column.title for column in ACCURACY), difference, "rate, schedule"], rows)


def _contrast_table(study: Study, finished: Finished) -> Table:
    rows = [[title, *(contrast(found, arms) for found in finished.values())] for title, arms in study.contrasts.items()]
    return Table(["", *(f"{dataset}, {case}" for dataset, case in finished)], rows)


def contrast(found: Comparison, arms: Sequence[str]) -> str:
    """Return a contrast of a study as text; empty where an arm did not take part."""
    if not all(arm in found.summaries for arm in arms):
        return ""
    finals = [np.array([100 * summary["accuracy_final"] for summary in found.summaries[arm]]) for arm in arms]
    if len(arms) == 2:
        return mean_spread(finals[0] - finals[1], signed=True)
    lost, reference = ((a - b).mean() for a, b in (finals[:2], finals[2:]))
    return f"{100 * (1 - lost / reference):.0f} %"


def _cost_table(study: Study, found: Comparison) -> Table:
    reference = plateaus(found, study.plateau)
    titles = ["arm", *(column.title for column in COST)]
    rows = [[arm, *(column.text(summaries) for column in COST)] for arm, summaries in found.summaries.items()]
    if reference is not None:
        best, targets = reference
        titles += [f"MB to {best}'s plateau", f"of {best}'s"]
        first = _traffic(found, best, targets)
        for row in rows:
            row += _traffic_cells(_traffic(found, row[0], targets), first)
    return Table(titles, rows)


def _traffic(found: Comparison, arm: str, targets: Sequence[float]) -> np.ndarray:
    pairs = zip(found.seeds, targets, strict=True)
    reached = [traffic_to(found.history(arm, seed), target) for seed, target in pairs]
    return np.array([np.nan if sent is None else sent / 1e6 for sent in reached])


def _traffic_cells(sent: np.ndarray, reference: np.ndarray) -> list[str]:
    """Return megabytes and their share of the reference's, over the seeds that reached their plateau."""
    known = ~np.isnan(sent)
    if not known.any():
        return ["not reached", ""]
    partly = "" if known.all() else f" ({known.sum()} of {len(known)} seeds)"
    return [number(float(sent[known].mean()), 0) + partly, mean_spread((sent / reference)[known], 2)]


def _search_table(found: Comparison) -> Table:
    labels = list(dict.fromkeys(label for scores in found.searched.values() for label in scores))
    rows = []
    for arm, scores in found.searched.items():
        told = {label: "failed" if score is None else f"{100 * score:.1f}" for label, score in scores.items()}
        rows.append([arm, *(told.get(label, "") for label in labels)])
    return Table(["arm", *labels], rows)
