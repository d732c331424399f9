"""The page of the comparison: each arm's gain over the shipped law in the same worlds, from the folders of its runs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from deep_arms import ABOUT, ARMS, FOUND
from deep_cells import CELLS
from numpy.typing import ArrayLike
from scipy.stats import t

from astraea.files import write_text
from astraea.tables import Table, csv_text

__all__ = ["NAME", "interval", "read_scores", "write_page"]

NAME = "policy-deep"
REFERENCE = "shipped"

Scores = Mapping[str, Any]


def interval(gains: ArrayLike) -> tuple[float, float]:
    """Return the mean of paired gains and half the width of its 95 % interval, Student's."""
    values = np.asarray(gains, float)
    half = float(t.ppf(0.975, len(values) - 1)) * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean()), float(half)


def read_scores(kept: Path) -> dict[str, list[Scores]]:
    """Return what is finished in ``kept``: by arm, in order, the scores of its trainings."""
    files = sorted([*kept.glob("*/seed-*/scores.json"), *kept.glob("*/scores.json")])
    runs = [json.loads(file.read_text()) for file in files]
    names = [*ARMS, *sorted({run["arm"] for run in runs} - set(ARMS))]
    found = {name: [run for run in runs if run["arm"] == name] for name in names}
    return {name: some for name, some in found.items() if some}


def write_page(kept: Path, pages: Path) -> bool:
    """Write the page and its values; return whether the reference and any other arm are finished."""
    found = read_scores(kept)
    if REFERENCE not in found or len(found) < 2:
        return False
    base = found[REFERENCE][0]["cells"]
    rows: list[list[str]] = []
    values: list[list[object]] = [["arm", "trainings", "cell", "figure", "mean", "gain", "half_width", "worlds"]]
    for name, runs in found.items():
        row = [name, str(len(runs))]
        for cell in CELLS:
            means = np.mean([run["cells"][cell.title] for run in runs], axis=0)
            gain, half = interval(means - np.array(base[cell.title]))
            row.append(f"{means.mean():.3f}" + ("" if name == REFERENCE else f" ({gain:+.3f} ± {half:.3f})"))
            values.append([name, len(runs), cell.title, cell.figure, means.mean(), gain, half, len(means)])
        rows.append(row)
    pages.mkdir(parents=True, exist_ok=True)
    write_text(pages / f"{NAME}.md", _page(found, rows))
    write_text(pages / f"{NAME}.csv", csv_text(values))
    return True


def _page(found: Mapping[str, Sequence[Scores]], rows: Sequence[Sequence[str]]) -> str:
    trained = [run for name in ARMS for run in found.get(name, [])]
    generations = max((run["generations"] for run in trained), default=0)
    worlds = found[REFERENCE][0]["worlds"]
    costs = [
        [name, str(len(runs)), *_cost([run["cpu_s"] for run in runs])] for name, runs in found.items() if name in ARMS
    ]
    return "\n".join(
        [
            "# Deep policies against the law",
            "",
            ABOUT.strip(),
            "",
            _conditions(generations, worlds),
            "",
            Table(["arm", "trainings", *(f"{cell.title}: {cell.figure}" for cell in CELLS)], rows).markdown(),
            "",
            *(f"- **{name}**: {about}." for name, about in ARMS.items() if name in found),
            "- **untrained**: where training begins, with one unit set by hand; **zeroed**: the network of seed 0 set",
            "  to zero; **no rivals**: windows never believe in rivals; **no drains**: windows never drain, and so",
            "  learn of no rivals by what drains leave.",
            "",
            "What a training took:",
            "",
            Table(["arm", "trainings", "processor seconds, mean", "least", "most"], costs).markdown(),
            "",
            FOUND.strip(),
            "",
        ]
    )


def _conditions(generations: int, worlds: int) -> str:
    return (
        f"{generations} generations of 20 candidates in 7 worlds each, a training; MATD3 and MAPPO take 12,000 "
        f"decisions for a generation. {worlds} worlds of each cell, the same for all. "
        "Means over trainings and worlds; in brackets the "
        "gain over the shipped law in the same worlds and its 95 % interval over worlds.\n\n"
        f"Made by `python studies/policy/deep.py --generations {generations}`; values are in `{NAME}.csv`. The whole "
        "comparison is the command without options: 150 generations a training."
    )


def _cost(seconds: Sequence[float | None]) -> list[str]:
    known = [value for value in seconds if value is not None]
    return [f"{of(known):.0f}" if known else "–" for of in (np.mean, min, max)]
