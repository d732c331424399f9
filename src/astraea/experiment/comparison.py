"""A finished comparison: every run's summary, and the table and the picture that people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from astraea.errors import AstraeaError, RunError
from astraea.experiment.columns import columns_of, comparison_table, notes_of
from astraea.experiment.folder import RunFolder
from astraea.figures import arm_style, arm_title, new_figure, plain_axes, plain_log_ticks
from astraea.reading import DAMAGE, damaged, read_json
from astraea.tables import Column, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FILE", "Comparison", "load_comparison", "run_folder"]

FILE = "comparison.json"


@dataclass(frozen=True)
class Comparison:
    """For each arm, its settings and the summary of each seed, in the order of ``seeds``.

    ``samples`` is the budget that every run had, or ``None`` where arms ran for their own number of rounds.
    ``rates`` and ``schedules`` are what each arm ran with, and ``searched`` holds the validation score of each
    candidate that it tried, by the candidate's label; ``None`` for one that failed. Printed, it is its table.
    """

    folder: Path
    seeds: tuple[int, ...]
    samples: int | None
    rates: Mapping[str, float]
    searched: Mapping[str, Mapping[str, float | None]]
    summaries: Mapping[str, Sequence[Mapping[str, Any]]]
    schedules: Mapping[str, str] = field(default_factory=dict)
    plans: Mapping[str, str] = field(default_factory=dict)
    kept: Any = field(default=None, repr=False)  # a temporary folder, which lives as long as this

    @property
    def columns(self) -> tuple[Column, ...]:
        """What the table tells of each arm."""
        return columns_of(self.summaries)

    @property
    def notes(self) -> list[str]:
        """What to know before the figures are believed: arms off their budget, and what runs of single arms noted."""
        return notes_of(self.samples, self.summaries)

    def history(self, arm: str, seed: int) -> list[dict[str, Any]]:
        """Return the metrics of every round of one run."""
        return RunFolder(run_folder(self.folder, arm, seed)).read_metrics()

    def table(self) -> Table:
        """Return a row for each arm: mean ± sample standard deviation over seeds."""
        return comparison_table(self.summaries, self.plans, self.rates)

    def to_markdown(self) -> str:
        """Return the table for Markdown."""
        return self.table().markdown()

    def to_latex(self) -> str:
        """Return the table as a ``tabular`` in the style of the package booktabs."""
        return self.table().latex()

    def figure(self) -> Figure:
        """Return a picture: accuracy over samples processed, traffic and simulated time, if any; recall by class."""
        over = [("samples_processed", 1e-3, "samples processed (thousands)")]
        over += [("bytes_sent", 1e-6, "traffic, every hand-over counted (MB)")]
        timed = any(column.key == "simulated_seconds" for column in self.columns)
        over += [("simulated_seconds", 1.0, "simulated time (s)")] if timed else []
        figure = new_figure(13 if len(over) == 2 else 17, 4)
        *curves, by_class = figure.subplots(1, len(over) + 1)
        for number, (arm, summaries) in enumerate(self.summaries.items()):
            style = arm_style(number)
            for panel, (key, scale, _) in zip(curves, over, strict=True):
                x, mean, spread = _curve(self, arm, key)
                panel.plot(x * scale, mean, **style.of_line, label=arm_title(arm))
                panel.fill_between(x * scale, mean - spread, mean + spread, color=style.colour, alpha=0.2, linewidth=0)
            recall = 100 * np.array([summary["per_class_recall"] for summary in summaries], float)
            place = np.arange(recall.shape[1]) + 0.6 * ((number + 0.5) / len(self.summaries) - 0.5)
            by_class.plot(place, recall.mean(axis=0), "o", color=style.colour, markersize=4, label=arm_title(arm))
        first = next(iter(self.summaries.values()))[0]
        for panel, (key, _, label) in zip(curves, over, strict=True):
            linear = key == "samples_processed"
            panel.set(xlabel=label, ylabel="test accuracy (%)", xscale="linear" if linear else "log")
            if not linear:
                plain_log_ticks(panel)
        by_class.set(xlabel="class", ylabel="recall (%)")
        names = first["class_names"]
        if len(names) <= 12:
            by_class.set_xticks(range(len(names)), names, rotation=45, ha="right")
        for panel in (*curves, by_class):
            plain_axes(panel)
        curves[0].legend(frameon=False)
        return figure

    def __str__(self) -> str:
        return self.table().transposed().text()

    def _repr_html_(self) -> str:
        return self.table().transposed().html()


def load_comparison(folder: Path | str) -> Comparison:
    """Return a finished comparison from its folder. Raises :class:`RunError` if there is none."""
    folder = Path(folder)
    try:
        facts = read_json(folder / FILE)
    except FileNotFoundError as error:
        raise RunError(f"{folder} holds no finished comparison: it has no {FILE}") from error
    except (OSError, ValueError) as error:
        raise RunError(f"{folder / FILE} is damaged ({error}): run the comparison again to write it anew") from error
    try:
        summaries: dict[str, list[dict[str, Any]]] = {}
        for arm in facts["arms"]:
            runs = [RunFolder(run_folder(folder, arm, seed)) for seed in facts["seeds"]]
            summaries[arm] = [one.read_json(one.summary) for one in runs]
        return Comparison(
            folder,
            tuple(facts["seeds"]),
            facts["samples"],
            facts["rates"],
            facts["searched"],
            summaries,
            facts.get("schedules", {}),
            facts.get("plans", {}),
        )
    except DAMAGE as error:
        if isinstance(error, AstraeaError):
            raise
        raise damaged(folder, error) from error


def run_folder(out: Path, arm: str, seed: int) -> Path:
    """Return the folder of one run of the comparison in ``out``."""
    return out / arm / f"seed-{seed}"


def _curve(comparison: Comparison, arm: str, key: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``(x, mean accuracy, spread)`` in percent, the runs of all seeds read off at common points."""
    runs = [[line for line in comparison.history(arm, seed) if "accuracy" in line] for seed in comparison.seeds]
    x = np.array([line[key] for line in min(runs, key=len)], float)
    accuracy = np.stack(
        [np.interp(x, [line[key] for line in run], [100 * line["accuracy"] for line in run]) for run in runs]
    )
    return x, accuracy.mean(axis=0), accuracy.std(axis=0, ddof=1 if len(runs) > 1 else 0)
