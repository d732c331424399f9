"""The page of one run: how it went, what it recognises, who held what, who was pooled with whom, what it cost."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from html import escape

import numpy as np
import tomli_w
from numpy.typing import NDArray

from astraea.balance.divergence import kl_to_uniform
from astraea.experiment.columns import COLUMNS
from astraea.report.page.advice import after_run
from astraea.report.page.charts import Chart, bars, curves, dots, heat, lines
from astraea.report.page.html import Page, Section
from astraea.report.page.network import on_network
from astraea.report.page.records import RunRecord
from astraea.report.page.series import AXES, MEASURES, band, rounded, thinned
from astraea.tables import Table, number

__all__ = ["curve_chart", "held", "repeat", "run_page", "settings"]

_CLIENTS = 60  # so many rows of a heat map are drawn at most
_CLASSES = 120  # and so many classes
_NAMES = 8  # of clients whose visits were skipped for a reason


def run_page(run: RunRecord) -> Page:
    """Return the page of one run, finished or not."""
    title = f"{run.algorithm} on {run.summary.get('dataset') or run.scenario.get('dataset') or 'its data'}"
    scenario = run.summary.get("scenario") or run.scenario.get("scenario", "")
    last = run.history[-1]["round"] if run.history else 0
    lead = f"{scenario}. Seed {run.config.get('seed', 0)}, {last:,} rounds."
    sections = [
        Section("How it went", [curve_chart({run.algorithm: [run]})], _figures(run)),
        *_recalls(run),
        *_clients(run),
        *held(run),
        *_pooled(run),
        *on_network(run),
        *_skipped(run),
        settings({run.algorithm: run}),
        repeat([f"astraea run {shlex.quote(str(run.folder / 'config.toml'))} --out NEW_FOLDER"]),
    ]
    return Page(title, lead, after_run(run), sections)


def curve_chart(runs: dict[str, Sequence[RunRecord]]) -> Chart:
    """Return accuracy and its kin over whatever a reader pays in; ``runs`` are those of each arm, a seed each."""
    rows = [{"arm": arm, **point} for arm, seeds in runs.items() for point in band([run.history for run in seeds])]

    def present(key: str) -> bool:
        return any(row.get(key) is not None for row in rows)

    across = [(key, words) for key, words, _ in AXES if present(key)]
    up = [(key, words) for key, words in MEASURES if present(key)]
    seeds = len(next(iter(runs.values())))
    note = f"Bands: one standard deviation over {seeds} seeds, averaged round by round. " if seeds > 1 else ""
    note += "Long curves are thinned to 300 points; the first, the last and the extremes are kept."
    return curves("Accuracy over the course of the run", rows, list(runs), across, up, note)


def held(run: RunRecord) -> list[Section]:
    """Return who held what, and how many copies each class got; empty where the run kept no record of it."""
    if not run.scenario:
        return []
    names = _distinct(run.scenario["class_names"])
    counts = np.array(run.scenario["held"], np.int64)
    trained = np.array(run.scenario["trained"], np.int64)
    order = np.argsort(-counts.sum(axis=1), kind="stable")
    shown = order[_spread(len(order), _CLIENTS)]
    classes = _spread(len(names), _CLASSES)
    clients = _distinct(run.scenario["client_names"])
    note = "" if len(shown) == len(order) else f"{len(shown)} of {len(order):,} clients, evenly spaced by size. "
    note += "" if len(classes) == len(names) else f"{len(classes)} of {len(names):,} classes. "
    charts = [
        heat(
            "Share of each class in a client's samples",
            [row for k in shown for row in _shares(clients[k], counts[k], names, classes)],
            ("client, largest first", [clients[k] for k in shown]),
            ("class", [names[c] for c in classes]),
            note,
        )
    ]
    own, copies = counts.sum(axis=0), trained.sum(axis=0) - counts.sum(axis=0)
    if (copies > 0).any():
        rows = [
            {"category": names[c], "part": part, "value": int(values[c]), "place": place}
            for c in classes
            for place, (part, values) in enumerate((("samples", own), ("copies", np.maximum(copies, 0))))
        ]
        by_count = [names[c] for c in sorted(classes, key=lambda c: -own[c])]
        charts.append(
            bars("Copies of rare classes", rows, ["samples", "copies"], by_count, "class, commonest first", "samples")
        )
    return [Section("Who held what", charts)]


def settings(runs: dict[str, RunRecord]) -> Section:
    """Return the settings of each arm, folded."""
    folded = [
        f"<details><summary>{escape(arm)}</summary><pre>{escape(tomli_w.dumps(run.config))}</pre></details>"
        for arm, run in runs.items()
    ]
    return Section("Settings", html="\n".join(folded))


def repeat(commands: Sequence[str]) -> Section:
    """Return the commands that do it again."""
    return Section("Do it again", html=f"<pre>{escape(chr(10).join(commands))}</pre>")


def _figures(run: RunRecord) -> str:
    """Return the table of what the run came to, or of its latest round."""
    if run.finished:
        regression = run.summary.get("regression") or {}
        words = (("r2", "R²", 3), ("mae", "mean absolute error", 3), ("rmse", "root of the mean squared error", 3))
        rows = [(told, number(regression[key], digits)) for key, told, digits in words if key in regression]
        shown = [column for column in COLUMNS if run.summary.get(column.key) is not None]
        bins = ", of bins" if regression else ""
        rows += [(column.title + bins * ("accuracy" in column.key), column.text([run.summary])) for column in shown]
        if run.summary.get("simulated_seconds") is not None:
            split = run.summary["simulated_split"]
            rows.append(("simulated seconds", number(run.summary["simulated_seconds"])))
            rows += [(f"of these {words}", number(split[words])) for words in ("compute", "transfer", "waiting")]
    else:
        line = run.history[-1] if run.history else {}
        rows = [
            (key.replace("_", " "), f"{value:,.6g}") for key, value in line.items() if isinstance(value, int | float)
        ]
    return Table(["", "value"], rows).html()


def _recalls(run: RunRecord) -> list[Section]:
    if not run.finished or run.summary.get("regression") is not None:
        return []
    names = _distinct(run.summary["class_names"])
    recalls, counts = run.summary["per_class_recall"], run.summary["class_counts"]
    order = sorted(range(len(names)), key=lambda c: -counts[c])
    shown = [order[i] for i in _spread(len(order), _CLASSES)]
    rows = [
        {"arm": run.algorithm, "category": names[c], "value": 100 * recalls[c], "low": 0, "high": 100 * recalls[c]}
        for c in shown
        if recalls[c] is not None
    ]
    return [
        Section(
            "What it recognises",
            [
                dots(
                    "Recall of each class on the test set",
                    rows,
                    [run.algorithm],
                    [names[c] for c in shown],
                    "class, commonest in training first",
                    "recall, %",
                )
            ],
        )
    ]


def _pooled(run: RunRecord) -> list[Section]:
    """Return how the last round's mediators pooled the labels, and how even they were in every round."""
    if not run.scenario or not any(len(set(chain)) > 1 for line in run.chains for chain in line["chains"]):
        return []
    trained = np.array(run.scenario["trained"], np.int64)
    names = _distinct(run.scenario["class_names"])
    rounds = [line for line in run.chains if line["chains"]]
    kl = [_divergences(line["chains"], trained) for line in rounds]
    mean, largest = np.array([k.mean() for k in kl]), np.array([k.max() for k in kl])
    rows = [
        {"name": name, "x": rounds[i]["round"], "y": rounded(values[i])}
        for i in thinned(np.stack([mean, largest]))
        for name, values in (("mean", mean), ("largest", largest))
    ]
    last = rounds[-1]["chains"]
    order = np.argsort(kl[-1], kind="stable")
    labels = {m: f"{m + 1} (KL {kl[-1][m]:.2f})" for m in order}
    classes = _spread(len(names), _CLASSES)
    shown = [order[i] for i in _spread(len(order), _CLIENTS)]
    return [
        Section(
            "How mediators pooled it",
            [
                heat(
                    f"Share of each class in what a mediator trained on, round {rounds[-1]['round']:,}",
                    [
                        row
                        for m in shown
                        for row in _shares(labels[m], trained[sorted(set(last[m]))].sum(axis=0), names, classes)
                    ],
                    ("mediator", [labels[m] for m in shown]),
                    ("class", [names[c] for c in classes]),
                    "The most even mediator is first. Copies are included.",
                ),
                lines(
                    "Divergence of mediators from uniform",
                    rows,
                    ["mean", "largest"],
                    "rounds",
                    "KL to uniform, nats",
                    "0: every class as often as any other.",
                ),
            ],
        )
    ]


def _skipped(run: RunRecord) -> list[Section]:
    count = run.summary.get("visits_skipped", 0)
    if not count:
        return []
    rows = [
        (str(line["round"]), f"{line['visits_skipped'] - before:,}")
        for line, before in zip(run.history, [0, *(line["visits_skipped"] for line in run.history)], strict=False)
        if line["visits_skipped"] > before
    ]
    why = [
        (
            one["reason"],
            ", ".join([*map(str, one["names"][:_NAMES]), *(["…"] if len(one["names"]) > _NAMES else [])]),
            f"{one['visits']:,}",
        )
        for one in run.summary.get("skipped", [])
    ]
    table = Table(["reason", "clients", "visits"], why, labels=2).html() if why else ""
    lead = f"{count:,} visits were skipped: their clients' samples did not count in that round."
    by_round = Table(["round", "visits skipped"], rows[:_CLIENTS]).html()
    return [Section("Skipped visits", html=table + by_round, lead=lead)]


def _divergences(chains: Sequence[Sequence[int]], trained: NDArray[np.int64]) -> NDArray[np.float64]:
    pooled = np.stack([trained[sorted(set(chain))].sum(axis=0) for chain in chains if chain])
    divergences: NDArray[np.float64] = kl_to_uniform(pooled)
    return divergences


def _shares(
    row: str, counts: NDArray[np.int64], names: Sequence[str], classes: Sequence[int]
) -> list[dict[str, str | int | float | None]]:
    total = max(int(counts.sum()), 1)
    return [
        {"row": row, "column": names[c], "count": int(counts[c]), "share": rounded(counts[c] / total, 3)}
        for c in classes
        if counts[c]
    ]


def _clients(run: RunRecord) -> list[Section]:
    """Return each client's accuracy, the worst first; of many, evenly spaced."""
    names, found = run.clients.get("name"), run.clients.get("accuracy")
    if not names or not found:
        return []
    accuracy = 100 * np.array(found, float)
    worst = [k for k in np.argsort(accuracy, kind="stable") if np.isfinite(accuracy[k])]
    shown = [worst[i] for i in _spread(len(worst), _CLIENTS)]
    called = _distinct(names)
    rows = [
        {
            "arm": run.algorithm,
            "category": called[k],
            **dict.fromkeys(("value", "low", "high"), round(float(accuracy[k]), 2)),
        }
        for k in shown
    ]
    note = "" if len(shown) == len(worst) else f"{len(shown)} of {len(worst):,} clients, evenly spaced."
    order = [called[k] for k in shown]
    chart = dots(
        "Accuracy of each client", rows, [run.algorithm], order, "client, the worst first", "accuracy, %", note
    )
    return [Section("Which clients it serves", [chart])]


def _spread(count: int, limit: int) -> list[int]:
    """Return at most ``limit`` places of ``count``, evenly spaced, the first and the last among them."""
    places: list[int] = np.unique(np.linspace(0, count - 1, min(count, limit)).round().astype(int)).tolist()
    return places


def _distinct(names: Sequence[str]) -> list[str]:
    """Return names that differ, as categories of a chart must: a repeated one gets its place."""
    seen: set[str] = set()
    found = []
    for place, name in enumerate(map(str, names)):
        found.append(name if name not in seen else f"{name} ({place})")
        seen.add(name)
    return found
