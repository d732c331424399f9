"""The page of the comparison: each arm's gain over the shipped law in the same worlds, from the folders of its runs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from deep_arms import ARMS
from deep_cells import CELLS, COURSE, FAMILIES, FEW
from deep_found import ABOUT, FOUND
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from scipy.stats import t

from astraea.figures import arm_style, new_figure, plain_axes, write_figure
from astraea.files import write_text
from astraea.tables import Table, csv_text

__all__ = ["NAME", "interval", "read_scores", "write_page"]

NAME = "policy-deep"
REFERENCE = "shipped"
_TITLES = {**{f"return, {name}": "return" for name in FAMILIES}, **{cell.title: cell.figure for cell in CELLS}}
_PARTS = ("zeroed", "no rivals", "no drains")
_FEW = ("return, all", *FEW)

_GAINS = """
Means over trainings and worlds. Gains are in the same worlds, with the half width of their 95 % interval over worlds;
in bold where all of it is above 0.
"""
_WITHOUT = """
Of seed 0. **zeroed**: the network says nothing (one on top of the law is then the law, bit for bit); **no rivals**:
windows never believe in rivals; **no drains**: windows never drain, and so learn of no rivals by what drains leave.
"""

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
    """Write the page, its picture and its values; return whether the reference and a training are finished."""
    found = read_scores(kept)
    if REFERENCE not in found or not any(name in found for name in ARMS):
        return False
    values: list[list[object]] = [["arm", "trainings", "cell", "figure", "mean", "gain", "half_width", "worlds"]]
    for name, runs in found.items():
        for title, figure in _TITLES.items():
            if title not in runs[0]["cells"]:
                continue
            mean, gain, half = _compared(found, name, title)
            values.append([name, len(runs), title, figure, mean, gain, half, runs[0]["worlds"]])
    courses = {name: _courses(kept, name) for name in ARMS if name in found}
    bests = {name: _bests(kept, name) for name in courses}
    pages.mkdir(parents=True, exist_ok=True)
    write_text(pages / f"{NAME}.md", _page(found, courses, bests))
    write_text(pages / f"{NAME}.csv", csv_text(values))
    law = np.mean(found[REFERENCE][0]["cells"]["return, all"][:COURSE])
    write_figure(pages / f"{NAME}.png", _figure(courses, float(law)), dpi=110)
    return True


def _compared(found: Mapping[str, Sequence[Scores]], name: str, title: str) -> tuple[float, float, float]:
    """Return an arm's mean, its gain over the shipped law in the same worlds, and half the gain's interval."""
    means = np.mean([run["cells"][title] for run in found[name]], axis=0)
    gain, half = interval(means - np.array(found[REFERENCE][0]["cells"][title]))
    return float(means.mean()), gain, half


def _page(
    found: Mapping[str, Sequence[Scores]], courses: Mapping[str, Sequence[Any]], bests: Mapping[str, Sequence[float]]
) -> str:
    arms = [name for name in ARMS if name in found]
    shown = [*arms, *(["shipped deep"] if "shipped deep" in found else [])]
    parts = [name for name in found if name.rpartition(", ")[2] in _PARTS]
    minutes = max(run["minutes"] for name in arms for run in found[name])
    return "\n".join(
        [
            "# Deep policies against the law",
            "",
            ABOUT.strip(),
            "",
            _made(minutes, found[REFERENCE][0]["worlds"]),
            "",
            f"![What each arm earns in fresh worlds, by time and by decisions]({NAME}.png)",
            "",
            "## What a training took",
            "",
            _costs(found, courses, bests, arms).markdown(),
            "",
            *(f"- **{name}**: {ARMS[name]}." for name in arms),
            "",
            "## Gains over the shipped law",
            "",
            _GAINS.strip(),
            "",
            Table(
                ["worlds", "figure", "shipped law", *shown],
                [
                    [title, figure, f"{_compared(found, REFERENCE, title)[0]:.3f}"]
                    + [_gain(*_compared(found, name, title)[1:]) for name in shown]
                    for title, figure in _TITLES.items()
                ],
            ).markdown(),
            "",
            "## Without their parts",
            "",
            _WITHOUT.strip(),
            "",
            Table(
                ["policy", *_FEW],
                [[name, *(_gain(*_compared(found, name, title)[1:]) for title in _FEW)] for name in parts],
            ).markdown(),
            "",
            FOUND.strip(),
            "",
        ]
    )


def _made(minutes: float, worlds: int) -> str:
    return (
        f"Made by `python studies/policy/deep.py --minutes {minutes:g}`; all values are in `{NAME}.csv`. "
        f"{worlds} worlds of each cell, the same for all."
    )


def _gain(gain: float, half: float) -> str:
    text = f"{gain:+.3f} ± {half:.3f}"
    return f"**{text}**" if gain > half else text


def _costs(
    found: Mapping[str, Sequence[Scores]],
    courses: Mapping[str, Sequence[Any]],
    bests: Mapping[str, Sequence[float]],
    arms: Sequence[str],
) -> Table:
    """Return what each arm's trainings took, and what they earn at equal time and at equal decisions."""
    least = min(course[-1]["decisions"] for some in courses.values() for course in some)
    rows = []
    for name in arms:
        runs = found[name]
        earned = [np.mean(run["cells"]["return, all"]) for run in runs]
        equal = [_at(course, least) for course in courses[name]]
        rows.append(
            [
                name,
                str(len(runs)),
                f"{np.mean([run['cpu_s'] for run in runs]):.0f}",
                " ".join(f"{seconds:.0f}" for seconds in bests[name]),
                f"{np.mean([run['decisions'] for run in runs]) / 1e6:.2f}",
                " ".join(f"{value:.3f}" for value in earned),
                "–" if any(math.isnan(value) for value in equal) else f"{np.mean(equal):.3f}",
            ]
        )
    head = ["arm", "trainings", "processor seconds", "best after (s)", "million decisions", "return of each"]
    return Table([*head, f"return after {least / 1e6:.2f} million"], rows)


def _at(course: Sequence[Scores], decisions: int) -> float:
    """Return what a training earned after so many decisions: by the last validation until then; NaN before any."""
    known = [row["return"] for row in course if row["decisions"] <= decisions]
    return float(known[-1]) if known else math.nan


def _courses(kept: Path, name: str) -> list[list[Scores]]:
    return [json.loads(file.read_text()) for file in sorted((kept / name).glob("seed-*/course.json"))]


def _bests(kept: Path, name: str) -> list[float]:
    """Return after how many processor seconds each training had what did best in its validation."""
    found = []
    for file in sorted((kept / name).glob("seed-*/track.jsonl")):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        found.append(next(row["cpu_s"] for row in rows if row["policy"] == rows[-1]["policy"]))
    return found


def _figure(courses: Mapping[str, Sequence[Any]], law: float) -> Figure:
    figure = new_figure(9.0, 3.6)
    left, right = figure.subplots(1, 2, sharey=True)
    for number, (name, some) in enumerate(courses.items()):
        for k, course in enumerate(some):
            label = name if k == 0 else None
            style = {**arm_style(number).of_line, "linewidth": 1.2, "label": label}
            left.plot([row["cpu_s"] / 60 for row in course], [row["return"] for row in course], **style)
            right.plot([row["decisions"] / 1e6 for row in course], [row["return"] for row in course], **style)
    left.set_xlabel("minutes of a processor")
    left.set_ylabel("return in fresh worlds")
    right.set_xlabel("million decisions")
    right.set_xscale("log")
    for axes in (left, right):
        _reference(axes, law)
    right.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize="small", frameon=False)
    return figure


def _reference(axes: Axes, law: float) -> None:
    axes.axhline(law, color="black", linewidth=0.8, linestyle=":", label="shipped law")
    plain_axes(axes)
