"""The page of a comparison: its arms beside each other, what each costs, and what was searched."""

from __future__ import annotations

import shlex

import numpy as np

from astraea.experiment.columns import comparison_table
from astraea.report.page.advice import after_comparison
from astraea.report.page.charts import dots
from astraea.report.page.html import Page, Section
from astraea.report.page.records import ComparisonRecord
from astraea.report.page.run import curve_chart, held, repeat, settings
from astraea.tables import Table, number

__all__ = ["comparison_page"]

_CLIENTS = 60  # of more, none is shown


def comparison_page(comparison: ComparisonRecord) -> Page:
    """Return the page of a finished comparison."""
    runs, facts = comparison.runs, comparison.facts
    arms = list(runs)
    first = runs[arms[0]][0]
    seeds = len(facts["seeds"])
    samples = facts.get("samples")
    budget = f"each arm for {samples:,} samples" if samples else "each arm for its own number of rounds"
    lead = f"{first.summary['scenario']}. {seeds} {'seeds' if seeds > 1 else 'seed'}, {budget}."
    sections = [
        Section("At a glance", html=_table(comparison)),
        Section("How it went", [curve_chart({arm: list(of) for arm, of in runs.items()})]),
        *_recalls(comparison),
        *_clients(comparison),
        *held(runs[arms[-1]][0]),
        *_searched(comparison),
        settings({arm: of[0] for arm, of in runs.items()}),
        repeat(
            [
                f"astraea run {shlex.quote(str(runs[arm][0].folder / 'config.toml'))} --out NEW_FOLDER  # {arm}, "
                f"seed {facts['seeds'][0]}"
                for arm in arms
            ]
        ),
    ]
    title = " and ".join(filter(None, [", ".join(arms[:-1]), arms[-1]]))
    return Page(f"{title} on {first.summary['dataset']}", lead, after_comparison(comparison), sections)


def _table(comparison: ComparisonRecord) -> str:
    summaries = {arm: [run.summary for run in runs] for arm, runs in comparison.runs.items()}
    return comparison_table(summaries, comparison.facts.get("plans", {}), comparison.facts["rates"]).html()


def _recalls(comparison: ComparisonRecord) -> list[Section]:
    first = next(iter(comparison.runs.values()))[0].summary
    if first.get("regression") is not None:
        return []
    names, counts = [str(name) for name in first["class_names"]], first["class_counts"]
    rows = []
    for arm, runs in comparison.runs.items():
        recalls = 100 * np.array([run.summary["per_class_recall"] for run in runs], float)
        means, spreads = recalls.mean(axis=0), recalls.std(axis=0, ddof=1) if len(runs) > 1 else 0 * recalls[0]
        rows += [
            {
                "arm": arm,
                "category": name,
                "value": round(float(mean), 2),
                "low": round(max(0.0, float(mean - spread)), 2),
                "high": round(min(100.0, float(mean + spread)), 2),
            }
            for name, mean, spread in zip(names, means, spreads, strict=True)
            if np.isfinite(mean)
        ]
    order = [names[c] for c in sorted(range(len(names)), key=lambda c: -counts[c])]
    title, across = "Recall of each class on the test set", "class, commonest in training first"
    return [Section("What each arm recognises", [dots(title, rows, list(comparison.runs), order, across, "recall, %")])]


def _clients(comparison: ComparisonRecord) -> list[Section]:
    """Return each client's accuracy by arm, where clients are few and the same in all runs."""
    runs = [run for runs in comparison.runs.values() for run in runs]
    names, held = runs[0].clients.get("name"), runs[0].scenario.get("held")
    if not names or len(names) > _CLIENTS or any(run.scenario.get("held") != held for run in runs):
        return []
    means = {
        arm: 100 * np.mean(np.array([run.clients["accuracy"] for run in own], float), axis=0)
        for arm, own in comparison.runs.items()
    }
    order = np.argsort(next(iter(means.values())), kind="stable")
    rows = [
        {"arm": arm, "category": str(names[k]), **dict.fromkeys(("value", "low", "high"), round(float(mean[k]), 2))}
        for arm, mean in means.items()
        for k in order
        if np.isfinite(mean[k])
    ]
    title, across = "Accuracy of each client", "client, the worst of the first arm first"
    chart = dots(title, rows, list(means), [str(names[k]) for k in order], across, "accuracy, %")
    return [Section("Which clients gain", [chart])]


def _searched(comparison: ComparisonRecord) -> list[Section]:
    tried = {arm: found for arm, found in comparison.facts.get("searched", {}).items() if found}
    if not tried:
        return []
    rows = [
        [arm, label, "failed" if score is None else number(100 * score)]
        for arm, found in tried.items()
        for label, score in found.items()
    ]
    text = "<p>What every arm tried, and its balanced accuracy (%) on validation samples.</p>"
    return [Section("What was searched", html=text + Table(["arm", "candidate", "score"], rows, labels=2).html())]
