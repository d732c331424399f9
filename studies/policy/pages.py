"""The ablation's page: a table, a picture and every value, from the folders of its runs and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from arms import ABOUT, ARMS, FASTEST_MBPS
from matplotlib.figure import Figure

from astraea.figures import BLUE, new_figure, write_figure
from astraea.files import write_text
from astraea.tables import Table, csv_text, mean_spread

__all__ = ["COLUMNS", "NAME", "read_scores", "write_page"]

NAME = "policy-ablation"

Worlds = Sequence[Mapping[str, Any]]

COLUMNS: dict[str, tuple[Callable[[Worlds], float], int]] = {
    "Jain's index": (lambda worlds: _mean(worlds, "jain"), 3),
    "5th percentile of worlds": (lambda worlds: float(np.quantile(_of(worlds, "jain"), 0.05)), 3),
    "utilisation (%)": (
        lambda worlds: 100 * _mean([world for world in worlds if _trained_for(world)], "utilisation"),
        1,
    ),
    "the same beyond the range": (
        lambda worlds: 100 * _mean([world for world in worlds if not _trained_for(world)], "utilisation"),
        1,
    ),
    "queueing delay / base RTT": (
        lambda worlds: float(np.mean(_of(worlds, "queue_ms") / _of(worlds, "rtt_ms"))),
        2,
    ),
    "lost (%)": (lambda worlds: 100 * _mean(worlds, "loss"), 2),
}
"""By title: the figure of one policy over its worlds, and its digits."""

_SHOWN = ("Jain's index", "5th percentile of worlds", "utilisation (%)", "the same beyond the range")


def read_scores(kept: Path) -> dict[str, list[dict[str, Any]]]:
    """Return what is finished in ``kept``: for each arm, in their order, the runs in the order of their seeds."""
    runs = [json.loads(file.read_text()) for file in sorted(kept.glob("*/seed-*/scores.json"))]
    found = {arm: sorted((run for run in runs if run["arm"] == arm), key=lambda run: run["seed"]) for arm in ARMS}
    return {arm: some for arm, some in found.items() if some}


def write_page(kept: Path, pages: Path) -> bool:
    """Write page, picture and values of all that is finished; return whether anything is."""
    found = read_scores(kept)
    if not found:
        return False
    figures = {
        arm: {title: np.array([of(run["worlds"]) for run in runs]) for title, (of, _) in COLUMNS.items()}
        for arm, runs in found.items()
    }
    pages.mkdir(parents=True, exist_ok=True)
    first = next(iter(found.values()))[0]
    write_text(pages / f"{NAME}.md", _page(figures, first))
    write_figure(pages / f"{NAME}.png", _figure(figures), dpi=110)
    rows: list[list[object]] = [["arm", "seed", "decisions", "worlds", *COLUMNS]]
    for arm, runs in found.items():
        for k, run in enumerate(runs):
            values = [figures[arm][title][k] for title in COLUMNS]
            rows.append([arm, run["seed"], run["decisions"], len(run["worlds"]), *values])
    write_text(pages / f"{NAME}.csv", csv_text(rows))
    return True


def _page(figures: Mapping[str, Mapping[str, Any]], first: Mapping[str, Any]) -> str:
    lines = [
        "# Ablation of the policy's training",
        "",
        ABOUT.strip(),
        "",
        f"{first['decisions']:,} decisions a training; {len(first['worlds'])} worlds; mean ± deviation over seeds.",
        "",
        f"Made by `python studies/policy/ablation.py --decisions {first['decisions']}`; values are in `{NAME}.csv`.",
        "",
        f"![What each arm comes to]({NAME}.png)",
        "",
    ]
    rows = [
        [arm, str(len(values[_SHOWN[0]])), *(mean_spread(values[t], digits) for t, (_, digits) in COLUMNS.items())]
        for arm, values in figures.items()
    ]
    lines += [Table(["arm", "seeds", *COLUMNS], rows).markdown(), ""]
    lines += [*(f"- **{arm}**: {about}." for arm, (about, _) in ARMS.items() if arm in figures and about), ""]
    return "\n".join(lines)


def _figure(figures: Mapping[str, Mapping[str, Any]]) -> Figure:
    figure = new_figure(3 * len(_SHOWN), 0.4 * len(figures) + 1.2)
    for axes, title in zip(figure.subplots(1, len(_SHOWN), sharey=True), _SHOWN, strict=True):
        for row, values in enumerate(figures.values()):
            axes.plot(values[title], [row] * len(values[title]), "o", color=BLUE, alpha=0.4)
            axes.plot(values[title].mean(), row, "|", color="black", markersize=14)
        axes.set_title(title, fontsize="medium")
        axes.grid(axis="x", alpha=0.3)
        axes.set_yticks(range(len(figures)), list(figures))
        axes.set_ylim(len(figures) - 0.5, -0.5)
    return figure


def _trained_for(world: Mapping[str, Any]) -> bool:
    return bool(world["capacity_mbps"] <= FASTEST_MBPS)


def _mean(worlds: Worlds, key: str) -> float:
    return float(np.mean(_of(worlds, key))) if worlds else float("nan")


def _of(worlds: Worlds, key: str) -> Any:
    return np.array([np.nan if world[key] is None else world[key] for world in worlds], float)
