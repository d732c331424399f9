"""Two laws in the same fresh worlds: ``python studies/policy/paired.py BEFORE AFTER``, folders of two evaluations.

Each is made in a checkout of its own by ``astraea congestion evaluate SUITE... --arms policy --first-seed 300``, whose
worlds no law was chosen with. Worlds that only one of the two has are left out.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from deep_pages import interval

from astraea.cli.shell import friendly
from astraea.congestion.evaluation.catalogue import SUITES
from astraea.congestion.evaluation.records import FILE, read
from astraea.congestion.evaluation.suite import Outcome
from astraea.errors import InputError
from astraea.files import write_text

__all__ = ["MEASURES", "table"]

MEASURES = {
    "jain": "Jain's index",
    "min_max": "least over largest goodput",
    "own_share": "own goodput over fair share",
    "utilisation": "utilisation",
    "queue_ms": "queueing delay (ms)",
}
"""What is compared, where a suite measures it."""

_PAGE = Path(__file__).parents[2] / "docs" / "results" / "policy-fresh.md"
_HEAD = """# The policy in fresh worlds

Made by `python studies/policy/paired.py BEFORE AFTER`, which compares two folders of `astraea congestion evaluate`.
Before and present are [the policy](../explanation/policy.md) before and after
[fast links](../explanation/policy.md#fast-links) were treated as now and a [start](../explanation/policy.md#starts)
held its window. The worlds are those of seeds 300 to 302 (`--first-seed 300 --seeds 3`), with which nothing was chosen.
Means over worlds, and the difference's 95 % interval over pairs of the same world.

"""

World = tuple[str, str, int]


def main(before: Path, after: Path, page: Annotated[Path, typer.Option(help="Where the page goes.")] = _PAGE) -> None:
    """Compare BEFORE with AFTER, and write the page."""
    with friendly():
        write_text(page, _HEAD + table(_worlds(before), _worlds(after)))


def table(before: Mapping[World, Outcome], after: Mapping[World, Outcome]) -> str:
    """Return rows by suite and group of what differs, as Markdown.

    Raises :class:`InputError` if the two have no world in common.
    """
    shared = [world for world in before if world in after]
    if not shared:
        raise InputError("the two evaluations have no world in common: give both the same suites and seeds")
    groups: dict[tuple[str, str], list[World]] = defaultdict(list)
    for world in shared:
        groups[world[0], str(before[world].conditions.get(SUITES[world[0]].group, "all"))].append(world)
    lines = [
        "| suite | group | worlds | measure | before | present | difference |",
        "|---|---|---:|---|---:|---:|---:|",
    ]
    for (suite, group), worlds in groups.items():
        for measure, title in MEASURES.items():
            pairs = np.array([[side[world].value(measure) for side in (before, after)] for world in worlds])
            pairs = pairs[np.isfinite(pairs).all(axis=1)]
            if len(pairs):
                lines.append(f"| {suite} | {group} | {len(pairs)} | {title} | {' | '.join(_cells(pairs))} |")
    return "\n".join(lines) + "\n"


def _cells(pairs: Any) -> Iterator[str]:
    """Yield the means before and after, and their difference with its interval."""
    change = pairs[:, 1] - pairs[:, 0]
    digits = 1 if np.abs(pairs).max() > 2 else 3
    yield from (f"{mean:.{digits}f}" for mean in pairs.mean(axis=0))
    mean, half = interval(change) if len(change) > 1 else (change[0], math.nan)
    yield f"{mean:+.{digits}f} ± {half:.{digits}f}".replace("-", "−")


def _worlds(folder: Path) -> dict[World, Outcome]:
    file = folder / FILE
    if not file.is_file():
        raise InputError(f"there is no {file}: name a folder that 'astraea congestion evaluate' has written")
    return {(outcome.suite, outcome.case, outcome.seed): outcome for outcome in read(file)}


if __name__ == "__main__":
    typer.run(main)
