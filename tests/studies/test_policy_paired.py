"""Two laws in the same worlds: differences worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from astraea.congestion.evaluation.suite import Outcome
from astraea.errors import InputError


def outcome(jain: float | None, group: str = "loss-free") -> Outcome:
    return Outcome("grid", "", "policy", 300, "", {"kind": group}, {"jain": jain}, 0.0)


def test_only_worlds_of_both_count_and_the_interval_is_that_of_differences(
    script: Callable[[str, str], ModuleType],
) -> None:
    table = script("paired", "policy").table
    before = {("grid", str(k), 300): outcome(jain) for k, jain in enumerate((0.5, 0.7, None, 0.1))}
    after = {("grid", str(k), 300): outcome(jain) for k, jain in enumerate((0.6, 0.9, 0.9))}
    # differences 0.1 and 0.2: Student's 12.706 * 0.0707 / sqrt(2) = 0.635
    assert table(before, after).splitlines()[2:] == [
        "| grid | loss-free | 2 | Jain's index | 0.600 | 0.750 | +0.150 ± 0.635 |"
    ]


def test_groups_are_those_of_the_suite(script: Callable[[str, str], ModuleType]) -> None:
    table = script("paired", "policy").table
    worlds = {("grid", group, 300): outcome(0.5, group) for group in ("random loss", "loss-free")}
    rows = table(worlds, worlds).splitlines()[2:]
    assert [row.split(" | ")[1] for row in rows] == ["random loss", "loss-free"]


def test_nothing_in_common_is_refused(script: Callable[[str, str], ModuleType]) -> None:
    with pytest.raises(InputError, match="no world in common"):
        script("paired", "policy").table({("grid", "0", 300): outcome(0.5)}, {("grid", "0", 301): outcome(0.5)})
