"""Outcomes on disk: a line each, appended as worlds finish, so that what is killed loses nothing and goes on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from astraea.congestion.evaluation.suite import Case, Outcome
from astraea.congestion.lines import whole_lines
from astraea.congestion.metrics.score import plain
from astraea.errors import RunError

__all__ = ["FILE", "append", "key_of", "read"]

FILE = "outcomes.jsonl"


def key_of(case: Case, policy: str) -> str:
    """Return what tells this case, driven by the policy of this digest, from any whose outcome might differ."""
    world = case.world.model_dump(mode="json", exclude_defaults=True)
    for link in world.get("links", ()):
        if "trace" in link:
            link["trace"] = Path(link["trace"]).name  # wherever it lies
    return sha256(json.dumps([case.label, world, policy], sort_keys=True).encode()).hexdigest()[:16]


def append(file: Path, outcome: Outcome) -> None:
    """Add one outcome; NaN becomes null."""
    line = json.dumps(_finite(dataclasses.asdict(outcome)), allow_nan=False)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(line + "\n")


def read(file: Path) -> list[Outcome]:
    """Return the outcomes in ``file``, none if it is not there; a last line that was cut short is taken off it.

    Raises :class:`RunError` for any other line that is not an outcome.
    """
    if not file.exists():
        return []
    return list(_parsed(file, whole_lines(file)))


def _parsed(file: Path, lines: Sequence[str]) -> Iterator[Outcome]:
    for number, line in enumerate(lines, start=1):
        try:
            yield Outcome(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise RunError(
                f"{file}, line {number}: not the outcome of a world; take the line out or choose another folder"
            ) from error


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    return plain(value)
