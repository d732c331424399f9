"""A comparison's files: its table, its picture, and every value."""

from __future__ import annotations

from astraea.experiment.comparison import Comparison
from astraea.figures import write_figure
from astraea.files import write_text
from astraea.tables import csv_text

__all__ = ["write_report"]


def write_report(comparison: Comparison) -> None:
    """Write table.md, values.csv (every run, nothing averaged) and comparison.png into the comparison's folder.

    Raises :class:`astraea.errors.RunError` if one cannot be written.
    """
    write_text(comparison.folder / "table.md", comparison.to_markdown() + "\n")
    rows: list[list[object]] = [["arm", "seed", "rate", *(column.key for column in comparison.columns)]]
    for arm, summaries in comparison.summaries.items():
        for seed, summary in zip(comparison.seeds, summaries, strict=True):
            rows.append([arm, seed, comparison.rates[arm], *(summary[column.key] for column in comparison.columns)])
    write_text(comparison.folder / "values.csv", csv_text(rows))
    write_figure(comparison.folder / "comparison.png", comparison.figure())
