"""Outcomes on disk."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from astraea.congestion import FlowSettings, LinkSettings, WorldSettings
from astraea.congestion.evaluation.records import append, key_of, read
from astraea.congestion.evaluation.suite import Case, Outcome
from astraea.errors import RunError

CASE = Case("one", WorldSettings(seed=3), {"kind": "clean"})


def outcome(**values: float) -> Outcome:
    return Outcome("grid", "one", "bbr", 0, "key", {"kind": "clean"}, values, 0.5)


def test_what_is_written_is_read_and_nan_is_null(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    assert read(file) == []
    append(file, outcome(jain=0.5))
    append(file, outcome(jain=math.nan))
    first, second = read(file)
    assert first == outcome(jain=0.5)
    assert second.values == {"jain": None}
    assert math.isnan(second.value("jain"))
    assert math.isnan(second.value("never measured"))


def test_a_line_cut_short_is_taken_off(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    append(file, outcome(jain=0.5))
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:20])
    assert read(file) == [outcome(jain=0.5)]
    assert file.read_bytes() == whole


@pytest.mark.parametrize("line", ["no json", '{"suite": "grid"}'])
def test_any_other_line_is_refused_by_its_number(tmp_path: Path, line: str) -> None:
    file = tmp_path / "lines"
    append(file, outcome())
    with file.open("a") as lines:
        lines.write(line + "\n")
    with pytest.raises(RunError, match="line 2: not the outcome of a world"):
        read(file)


def test_keys_differ_with_world_and_policy_but_not_with_the_place_of_a_trace() -> None:
    key = key_of(CASE, "")
    assert key == key_of(CASE, "")
    assert key != key_of(CASE, "a policy")
    other = CASE.world.model_copy(update={"flows": (FlowSettings(controller="bbr"),)})
    assert key != key_of(Case("one", other, {}), "")

    def traced(path: str) -> Case:
        return Case("one", WorldSettings(links=(LinkSettings(trace=Path(path)),)), {})

    assert key_of(traced("/a/lte.up"), "") == key_of(traced("/b/lte.up"), "")
    assert key_of(traced("/a/lte.up"), "") != key_of(traced("/a/lte.down"), "")
