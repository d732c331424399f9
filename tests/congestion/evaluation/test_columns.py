"""Figures over worlds, on numbers worked by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from astraea.congestion.evaluation import columns
from astraea.congestion.evaluation.suite import Outcome


def outcome(case: str, conditions: dict[str, float | str] | None = None, **values: Any) -> Outcome:
    return Outcome("grid", case, "copa", 0, case, conditions or {}, values, 0.1)


WORLDS = [outcome(f"{k}", jain=jain, windows=[jain, 1.0]) for k, jain in enumerate((0.5, 0.9, 0.7, 0.9))]


def test_means_least_values_and_quantiles() -> None:
    assert columns.mean("jain")(WORLDS, []) == pytest.approx(0.75)
    assert columns.least("jain")(WORLDS, []) == 0.5
    assert columns.quantile("jain", 0.5)(WORLDS, []) == pytest.approx(0.8)
    assert columns.pooled("windows", 0.5)(WORLDS, []) == pytest.approx(0.95)  # of 0.5, 0.7, 0.9, 0.9 and four of 1


def test_what_does_not_apply_stays_visible_unless_it_is_to_be_left_out() -> None:
    some = [*WORLDS, outcome("4", jain=None)]
    assert math.isnan(columns.mean("jain")(some, []))
    assert columns.mean("jain", known=True)(some, []) == pytest.approx(0.75)
    assert math.isnan(columns.mean("jain", known=True)(some[4:], []))
    assert math.isnan(columns.least("jain")(some, []))
    assert columns.least("jain", known=True)(some, []) == 0.5
    assert math.isnan(columns.mean("jain")([], []))


def test_delays_against_their_limit() -> None:
    worlds = [outcome(f"{k}", {"limit": 4.0}, queue=queue) for k, queue in enumerate((1.0, 4.0, 10.0))]
    assert columns.ratio("queue", "limit")(worlds, []) == pytest.approx(1.25)
    assert columns.within("queue", "limit")(worlds, []) == pytest.approx(2 / 3)


def test_a_measure_is_compared_with_the_references_in_the_same_world() -> None:
    own = [outcome("0", queue=1.0), outcome("1", queue=3.0), outcome("2", queue=5.0)]
    base = [
        outcome("1", {"kind": "clean"}, queue=4.0),
        outcome("0", {"kind": "clean"}, queue=2.0),
        outcome("2", {"kind": "lossy"}, queue=0.1),
    ]
    assert columns.relative("queue", "kind", "clean")(own, base) == pytest.approx((0.5 + 0.75) / 2)
    assert columns.relative("queue")(own, base[:1]) == 0.75
    assert math.isnan(columns.relative("queue")(own, []))


def test_convergence_counts_what_never_came() -> None:
    worlds = [outcome("0", convergences=[[2.0, False], [25.0, True]]), outcome("1", convergences=[[4.0, False]])]
    assert columns.convergence(worlds, []) == 4.0  # 2 of 3 by then
    assert columns.converged(worlds, []) == pytest.approx(2 / 3)
    assert columns.convergence([outcome("0", convergences=[[25.0, True]])], []) == math.inf


def test_completions_are_over_their_ideal() -> None:
    worlds = [
        outcome("0", completions=[[2.0, False, 1.0], [6.0, False, 2.0]], last=[6.0, False, 2.0]),
        outcome("1", completions=[[9.0, True, 1.0]], last=[9.0, True, 1.0]),
    ]
    assert columns.slowdown("completions")(worlds, []) == 3.0  # 2, 3 and more than 9
    assert columns.slowdown("completions", 0.95)(worlds, []) == math.inf
    assert columns.slowdown("last")(worlds[:1], []) == 3.0
    assert columns.finished(worlds, []) == pytest.approx(2 / 3)
