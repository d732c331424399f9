"""A comparison as a table, as Markdown and as a picture: every value kept, mean ± spread beside them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from astraea.errors import RunError
from astraea.experiment.compare import Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.table import Table

__all__ = ["comparison_figure", "comparison_markdown", "comparison_table", "write_report"]


class _Column(NamedTuple):
    key: str
    title: str
    scale: float = 1.0
    digits: int = 1
    spread: bool = True


_COLUMNS = (
    _Column("accuracy_final", "accuracy, final (%)", 100.0),
    _Column("accuracy_best", "best (%)", 100.0),
    _Column("balanced_accuracy_final", "balanced (%)", 100.0),
    _Column("tail_recall", "rarest quarter (%)", 100.0),
    _Column("worst_decile_client_accuracy", "worst tenth of clients (%)", 100.0),
    _Column("samples_processed", "samples (k)", 1e-3, 0, spread=False),
    _Column("critical_path_steps", "critical-path steps (k)", 1e-3, 1, spread=False),
    _Column("bytes_sent", "sent (MB)", 1e-6, 0, spread=False),
    _Column("storage_overhead", "extra storage (%)", 100.0, 0, spread=False),
)


def comparison_table(comparison: Comparison) -> Table:
    """Return a table with a column an arm, which fits a terminal: mean ± sample standard deviation over seeds."""
    from rich.table import Table

    seeds = len(comparison.seeds)
    title = f"{seeds} seeds, mean ± standard deviation" if seeds > 1 else "1 seed"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    for arm in comparison.summaries:
        table.add_column(arm, justify="right")
    for column in _COLUMNS:
        table.add_row(column.title, *(_cell(summaries, column) for summaries in comparison.summaries.values()))
    table.add_row("learning rate", *(f"{comparison.rates[arm]:g}" for arm in comparison.summaries))
    return table


def comparison_markdown(comparison: Comparison) -> str:
    """Return the same figures as a Markdown table with a row an arm."""
    titles = ["arm", *(column.title for column in _COLUMNS), "learning rate"]
    lines = [
        "| " + " | ".join(titles) + " |",
        "|---|" + "---:|" * (len(titles) - 1),
    ]
    for arm, summaries in comparison.summaries.items():
        cells = [arm, *(_cell(summaries, column) for column in _COLUMNS), f"{comparison.rates[arm]:g}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def comparison_figure(comparison: Comparison) -> Figure:
    """Return a picture: accuracy over samples processed and over traffic, and recall by class."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    by_samples, by_bytes, by_class = figure.subplots(1, 3)
    for number, (arm, summaries) in enumerate(comparison.summaries.items()):
        colour = f"C{number}"
        for panel, key, scale in ((by_samples, "samples_processed", 1e-3), (by_bytes, "bytes_sent", 1e-6)):
            x, mean, spread = _curve(comparison, arm, key)
            panel.plot(x * scale, mean, color=colour, label=arm)
            panel.fill_between(x * scale, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0)
        recall = 100 * np.array([summary["per_class_recall"] for summary in summaries], float)
        by_class.plot(recall.mean(axis=0), color=colour, marker="o", markersize=3, label=arm)
    first = next(iter(comparison.summaries.values()))[0]
    by_samples.set(xlabel="samples processed (thousands)", ylabel="test accuracy (%)")
    by_bytes.set(xlabel="traffic, every hand-over counted (MB)", ylabel="test accuracy (%)", xscale="log")
    by_class.set(xlabel="class", ylabel="recall (%)")
    names = first["class_names"]
    if len(names) <= 12:
        by_class.set_xticks(range(len(names)), names, rotation=45, ha="right")
    for panel in (by_samples, by_bytes, by_class):
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    by_samples.legend(frameon=False)
    return figure


def write_report(comparison: Comparison) -> None:
    """Write table.md, values.csv (every run, nothing averaged) and comparison.png into the comparison's folder."""
    try:
        (comparison.folder / "table.md").write_text(comparison_markdown(comparison))
        with (comparison.folder / "values.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["arm", "seed", "rate", *(column.key for column in _COLUMNS)])
            for arm, summaries in comparison.summaries.items():
                for seed, summary in zip(comparison.seeds, summaries, strict=True):
                    values = [summary[column.key] for column in _COLUMNS]
                    writer.writerow([arm, seed, comparison.rates[arm], *values])
        comparison_figure(comparison).savefig(comparison.folder / "comparison.png", dpi=120)
    except OSError as error:
        raise RunError(
            f"{comparison.folder} cannot be written ({error.strerror}): free space and run the command again"
        ) from error


def _cell(summaries: Sequence[Mapping[str, Any]], column: _Column) -> str:
    values = column.scale * np.array([summary[column.key] for summary in summaries], float)
    if np.isnan(values).any():
        return "–"
    mean = f"{values.mean():,.{column.digits}f}"
    if not column.spread or len(values) < 2:
        return mean
    return f"{mean} ± {values.std(ddof=1):.{column.digits}f}"


def _curve(comparison: Comparison, arm: str, key: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``(x, mean accuracy, spread)`` in percent, the runs of all seeds read off at common points."""
    runs = [[line for line in comparison.history(arm, seed) if "accuracy" in line] for seed in comparison.seeds]
    x = np.array([line[key] for line in min(runs, key=len)], float)
    accuracy = np.stack(
        [np.interp(x, [line[key] for line in run], [100 * line["accuracy"] for line in run]) for run in runs]
    )
    return x, accuracy.mean(axis=0), accuracy.std(axis=0, ddof=1 if len(runs) > 1 else 0)
