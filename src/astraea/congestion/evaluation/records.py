"""Outcomes on disk: a line each, appended as worlds finish, so that what is killed loses nothing and goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from astraea.congestion.evaluation.suite import Case, Outcome
from astraea.errors import RunError
from astraea.files import append_text, to_json, whole_lines

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
    append_text(file, to_json(outcome) + "\n", durable=True)


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
        except (ValueError, TypeError, RecursionError) as error:
            raise RunError(
                f"{file}, line {number}: not the outcome of a world; take the line out or choose another folder"
            ) from error
