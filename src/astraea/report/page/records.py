"""What a finished or unfinished run, comparison or evaluation left in its folder, read without PyTorch."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from astraea.errors import InputError, RunError
from astraea.reading import read_json, read_text, read_toml

__all__ = ["ComparisonRecord", "EvaluationRecord", "RaceRecord", "Record", "RunRecord", "read_record"]

Line = dict[str, Any]


@dataclass(frozen=True)
class RunRecord:
    """One run. ``summary`` is empty while it trains; ``scenario`` and ``chains`` where its version kept none,
    ``timeline`` where no network is simulated."""

    folder: Path
    config: dict[str, Any]
    history: list[Line]
    summary: dict[str, Any]
    scenario: dict[str, Any]
    chains: list[Line]
    clients: dict[str, Any]
    timeline: dict[str, Any] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether the run has come to its end."""
        return bool(self.summary)

    @property
    def algorithm(self) -> str:
        """The name of its algorithm."""
        return str(self.config["algorithm"]["name"])


@dataclass(frozen=True)
class ComparisonRecord:
    """Several arms: ``runs[arm]`` holds a run for each seed, and ``facts`` what ``comparison.json`` says."""

    folder: Path
    facts: dict[str, Any]
    runs: dict[str, list[RunRecord]]


@dataclass(frozen=True)
class EvaluationRecord:
    """Controllers in suites of worlds: what ``evaluation.json`` says, and the worlds that were kept over time."""

    folder: Path
    facts: dict[str, Any]
    over_time: list[Line] = field(default_factory=list)


@dataclass(frozen=True)
class RaceRecord:
    """Flows on one link: what ``race.json`` says, and of ``race.csv`` the times and each flow's series by name."""

    folder: Path
    facts: dict[str, Any]
    times: list[float]
    series: dict[str, dict[str, list[float]]]


Record = RunRecord | ComparisonRecord | EvaluationRecord | RaceRecord


def read_record(folder: Path) -> Record:
    """Return what is in ``folder``.

    Raises :class:`InputError` if it holds nothing that can be shown, :class:`RunError` if a file of it is damaged.
    """
    if (folder / "comparison.json").is_file():
        facts = _json(folder / "comparison.json")
        return ComparisonRecord(
            folder, facts, {arm: [_run(folder / arm / f"seed-{s}") for s in facts["seeds"]] for arm in facts["arms"]}
        )
    if (folder / "evaluation.json").is_file():
        course = _lines(folder / "over_time.jsonl", needed=False)
        return EvaluationRecord(folder, _json(folder / "evaluation.json"), course)
    if (folder / "race.json").is_file():
        return _race(folder)
    if (folder / "config.toml").is_file() and (folder / "metrics.jsonl").is_file():
        return _run(folder)
    raise InputError(
        f"{folder} holds no run with a finished round, no finished comparison, no evaluation and no race of "
        "controllers: give the folder that was --out of 'astraea run', 'astraea compare', 'astraea congestion "
        "evaluate' or 'astraea congestion race'"
    )


def _run(folder: Path) -> RunRecord:
    return RunRecord(
        folder,
        _read(read_toml, folder / "config.toml", {}, needed=True),
        _lines(folder / "metrics.jsonl"),
        _json(folder / "summary.json", needed=False),
        _json(folder / "scenario.json", needed=False),
        _lines(folder / "chains.jsonl", needed=False),
        _json(folder / "clients.json", needed=False),
        _json(folder / "timeline.json", needed=False),
    )


def _race(folder: Path) -> RaceRecord:
    facts = _json(folder / "race.json")
    rows = list(csv.DictReader(_read(read_text, folder / "race.csv", "", needed=True).splitlines()))
    series: dict[str, dict[str, list[float]]] = {str(flow["name"]): {} for flow in facts["flows"]}
    for row in rows:
        for key, value in row.items():
            if key not in ("time_s", "flow"):
                series[row["flow"]].setdefault(key, []).append(float(value or "nan"))
    times = list(dict.fromkeys(float(row["time_s"]) for row in rows))
    return RaceRecord(folder, facts, times, series)


def _read(read: Callable[[Path], Any], path: Path, nothing: Any, *, needed: bool) -> Any:
    """Return what ``read`` makes of ``path``; ``nothing`` where it is not there and not ``needed``."""
    try:
        return read(path)
    except FileNotFoundError as error:
        if needed:
            raise RunError(f"{path} is missing: the run that wrote this folder is not finished") from error
        return nothing
    except OSError as error:
        raise RunError(f"{path} cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise RunError(f"{path} is damaged ({error}): delete it and resume the run to write it anew") from error


def _json(path: Path, *, needed: bool = True) -> dict[str, Any]:
    found = _read(read_json, path, {}, needed=needed)
    if not isinstance(found, dict):
        raise RunError(f"{path} is damaged (no JSON object): delete it and resume the run to write it anew")
    return found


def _lines(path: Path, *, needed: bool = True) -> list[Line]:
    """Return whole lines; the last may be in the middle of being written."""
    lines = _read(read_text, path, "", needed=needed).splitlines()
    found: list[Line] = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(dict(json.loads(line)))
        except (ValueError, TypeError, RecursionError) as error:
            if number < len(lines):
                raise RunError(
                    f"{path}, line {number}, is damaged ({error}): resume the run to write it anew"
                ) from error
    return found
