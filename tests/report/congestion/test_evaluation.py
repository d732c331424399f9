"""An evaluation as text, Markdown, numbers and pictures, from outcomes written by hand."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from astraea.congestion.evaluation.arms import parse_arms
from astraea.congestion.evaluation.catalogue import SUITES
from astraea.congestion.evaluation.runner import Evaluation
from astraea.congestion.evaluation.suite import Outcome
from astraea.errors import RunError
from astraea.report.congestion.evaluation import (
    evaluation_markdown,
    evaluation_summary,
    evaluation_text,
    write_evaluation,
)
from astraea.report.congestion.evaluation_figure import suite_figure


def outcomes(suite: str, group: str, groups: tuple[float | str, ...], **values: Any) -> list[Outcome]:
    limits = {"delay_limit_ms": 10.0}
    return [
        Outcome(
            suite, f"{at}", arm, seed, "key", {group: at, **limits}, {**values, "utilisation": use + seed / 100}, 1.5
        )
        for arm, use in (("cubic", 0.5), ("bbr", 0.9))
        for seed in (0, 1)
        for at in groups
    ]


@pytest.fixture
def evaluation() -> Evaluation:
    found = [
        *outcomes("loss", "loss", (0.0, 0.5, 1.0), queue_ms=2.0, loss=0.01),
        *outcomes("grid", "kind", ("random loss", "loss-free"), jain=0.95, jain_windows=[0.9, 1.0], queue_ms=5.0,
                  loss=0.02),
        *outcomes("staggered", "kind", ("4 flows, 30 ms",), convergences=[[25.0, True]], deviation_mbps=None,
                  deviation_late_mbps=1.5, jain=0.9, queue_ms=3.0),
    ]  # fmt: skip
    return Evaluation(
        suites=tuple(SUITES[name] for name in ("loss", "grid", "staggered")),
        arms=parse_arms(["cubic", "bbr"]),
        seeds=(0, 1),
        outcomes=tuple(found),
        notes=("something is left out",),
    )


def test_a_page_says_how_it_was_measured_and_hides_nothing(evaluation: Evaluation) -> None:
    page = evaluation_markdown(evaluation)
    assert "never fair queueing" in page
    assert "Note: something is left out." in page
    assert "| random loss (%) | arm | utilisation (%) | least (%) | queueing delay (ms) | lost (%) |" in page
    assert "| 0.5 | cubic | 50.5 ± 0.7 | 50.0 ± 0.7 | 2.0 ± 0.0 | 1.00 ± 0.00 |" in page
    assert "| 4 flows, 30 ms | bbr | never | 0 ± 0 | – | 1.50 ± 0.00 |" in page
    assert "| all | bbr | 0.950 ± 0.000 |" in page
    assert "![grid](grid.png)" in page
    assert "Seconds of simulation, of one processor: cubic 9, bbr 9." in page
    assert "fallback" not in page


def test_the_share_in_fallback_is_told_and_beyond_a_twentieth_counts_as_cubics(evaluation: Evaluation) -> None:
    aside = {"cubic": None, "bbr": 0.125}
    changed = [replace(o, values={**o.values, "fallback": aside[o.arm]}) for o in evaluation.outcomes]
    told = "In fallback, of the time of its flows: bbr 12.5 % (counts as CUBIC)."
    assert evaluation_markdown(replace(evaluation, outcomes=tuple(changed))).count(told) == 3
    few = [replace(o, values={**o.values, "fallback": 0.04}) for o in evaluation.outcomes]
    assert "cubic 4.0 %, bbr 4.0 %." in evaluation_markdown(replace(evaluation, outcomes=tuple(few)))


def test_one_seed_has_no_spread(evaluation: Evaluation) -> None:
    first = tuple(outcome for outcome in evaluation.outcomes if outcome.seed == 0)
    one = Evaluation(evaluation.suites, evaluation.arms, (0,), first, ())
    assert "| 0.5 | cubic | 50.0 | 50.0 | 2.0 | 1.00 |" in evaluation_markdown(one)
    assert "1 seed." in evaluation_markdown(one)


def test_numbers_are_json_in_which_never_and_unknown_differ(evaluation: Evaluation) -> None:
    summary = json.loads(json.dumps(evaluation_summary(evaluation), allow_nan=False))
    cells = summary["suites"]["staggered"]["rows"][0]["cells"]
    assert cells["convergence_s"] == {"value": None, "text": "never", "by_seed": [None, None]}
    assert cells["deviation_mbps"]["text"] == "–"
    assert summary["suites"]["loss"]["rows"][0]["cells"]["utilisation"]["by_seed"] == pytest.approx([0.5, 0.51])
    assert summary["arms"][1] == {"name": "bbr", "controller": "bbr", "policy": None}
    assert summary["suites"]["grid"]["seconds"] == {"cubic": 6.0, "bbr": 6.0}


def test_a_terminal_shows_a_column_an_arm(evaluation: Evaluation) -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(evaluation_text(evaluation))
    text = console.export_text()
    for words in ("grid: 3 flows", "worlds: loss-free", "random loss (%): 0.5", "cubic", "bbr", "never", "50.5"):
        assert words in text


def test_pictures_have_a_panel_for_each_measure(evaluation: Evaluation) -> None:
    figures: list[Any] = [suite_figure(evaluation, suite) for suite in evaluation.suites]
    loss, grid, staggered = figures
    assert [axis.get_ylabel() for axis in loss.axes] == ["utilisation (%)", "queueing delay (ms)"]
    assert list(loss.axes[0].lines[1].get_xdata()) == [0.0, 0.5, 1.0]
    assert list(loss.axes[0].lines[1].get_ydata()) == pytest.approx([90.5] * 3)
    assert grid.axes[0].get_xlabel() == "Jain's index of a world"
    assert all(len(axis.lines) == 2 for axis in grid.axes)
    assert [text.get_text().strip() for text in staggered.axes[0].texts] == ["never", "never"]
    assert [patch.get_height() for patch in staggered.axes[1].patches] == [1.5, 1.5]
    assert all(figure.get_suptitle() for figure in (loss, grid, staggered))


def test_wide_ranges_are_logarithmic(evaluation: Evaluation) -> None:
    found = outcomes("buffers", "bdp", (0.1, 1.0, 16.0), jain=0.9, queue_ms=1.0, loss=0.0)
    wide = Evaluation((SUITES["buffers"],), evaluation.arms, (0, 1), tuple(found), ())
    assert suite_figure(wide, SUITES["buffers"]).axes[0].get_xscale() == "log"


def test_everything_is_written(evaluation: Evaluation, tmp_path: Path) -> None:
    write_evaluation(evaluation, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "evaluation.json", "evaluation.md", "grid.png", "loss.png", "staggered.png"
    ]  # fmt: skip
    with pytest.raises(RunError, match=r"evaluation\.json cannot be written"):
        write_evaluation(evaluation, tmp_path / "evaluation.md")
