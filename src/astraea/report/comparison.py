"""A comparison as a table, as Markdown and as a picture: every value kept, mean ± spread beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from astraea.experiment.compare import Comparison
from astraea.figures import arm_style, new_figure, plain_axes, write_figure
from astraea.files import write_text
from astraea.tables import Column, Table, csv_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table as RichTable

__all__ = ["comparison_figure", "comparison_table", "comparison_text", "write_report"]

_COLUMNS = (
    Column("accuracy_final", "accuracy, final (%)", 100.0),
    Column("accuracy_best", "best (%)", 100.0),
    Column("balanced_accuracy_final", "balanced (%)", 100.0),
    Column("tail_recall", "rarest quarter (%)", 100.0),
    Column("worst_decile_client_accuracy", "worst tenth of clients (%)", 100.0),
    Column("samples_processed", "samples (k)", 1e-3, 0, spread=False),
    Column("critical_path_steps", "critical-path steps (k)", 1e-3, 1, spread=False),
    Column("bytes_sent", "sent (MB)", 1e-6, 0, spread=False),
    Column("storage_overhead", "extra storage (%)", 100.0, 0, spread=False),
)


def comparison_table(comparison: Comparison) -> Table:
    """Return a row for each arm: mean ± sample standard deviation over seeds."""
    seeds = len(comparison.seeds)
    rows = [
        [arm, *(column.text(summaries) for column in _COLUMNS), f"{comparison.rates[arm]:g}"]
        for arm, summaries in comparison.summaries.items()
    ]
    return Table(
        ["arm", *(column.title for column in _COLUMNS), "learning rate"],
        rows,
        title=f"{seeds} seeds, mean ± standard deviation" if seeds > 1 else "1 seed",
    )


def comparison_text(comparison: Comparison) -> RichTable:
    """Return the same for a terminal, with a column for each arm, which fits."""
    return comparison_table(comparison).transposed().rich()


def comparison_figure(comparison: Comparison) -> Figure:
    """Return a picture: accuracy over samples processed and over traffic, and recall by class."""
    figure = new_figure(13, 4)
    by_samples, by_bytes, by_class = figure.subplots(1, 3)
    for number, (arm, summaries) in enumerate(comparison.summaries.items()):
        style = arm_style(number)
        for panel, key, scale in ((by_samples, "samples_processed", 1e-3), (by_bytes, "bytes_sent", 1e-6)):
            x, mean, spread = _curve(comparison, arm, key)
            panel.plot(x * scale, mean, **style.of_line, label=arm)
            panel.fill_between(x * scale, mean - spread, mean + spread, color=style.colour, alpha=0.2, linewidth=0)
        recall = 100 * np.array([summary["per_class_recall"] for summary in summaries], float)
        by_class.plot(recall.mean(axis=0), **style.of_line, marker="o", markersize=3, label=arm)
    first = next(iter(comparison.summaries.values()))[0]
    by_samples.set(xlabel="samples processed (thousands)", ylabel="test accuracy (%)")
    by_bytes.set(xlabel="traffic, every hand-over counted (MB)", ylabel="test accuracy (%)", xscale="log")
    by_class.set(xlabel="class", ylabel="recall (%)")
    names = first["class_names"]
    if len(names) <= 12:
        by_class.set_xticks(range(len(names)), names, rotation=45, ha="right")
    for panel in (by_samples, by_bytes, by_class):
        plain_axes(panel)
    by_samples.legend(frameon=False)
    return figure


def write_report(comparison: Comparison) -> None:
    """Write table.md, values.csv (every run, nothing averaged) and comparison.png into the comparison's folder.

    Raises :class:`astraea.errors.RunError` if one cannot be written.
    """
    write_text(comparison.folder / "table.md", comparison_table(comparison).markdown() + "\n")
    rows: list[list[object]] = [["arm", "seed", "rate", *(column.key for column in _COLUMNS)]]
    for arm, summaries in comparison.summaries.items():
        for seed, summary in zip(comparison.seeds, summaries, strict=True):
            rows.append([arm, seed, comparison.rates[arm], *(summary[column.key] for column in _COLUMNS)])
    write_text(comparison.folder / "values.csv", csv_text(rows))
    write_figure(comparison.folder / "comparison.png", comparison_figure(comparison))


def _curve(comparison: Comparison, arm: str, key: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``(x, mean accuracy, spread)`` in percent, the runs of all seeds read off at common points."""
    runs = [[line for line in comparison.history(arm, seed) if "accuracy" in line] for seed in comparison.seeds]
    x = np.array([line[key] for line in min(runs, key=len)], float)
    accuracy = np.stack(
        [np.interp(x, [line[key] for line in run], [100 * line["accuracy"] for line in run]) for run in runs]
    )
    return x, accuracy.mean(axis=0), accuracy.std(axis=0, ddof=1 if len(runs) > 1 else 0)
