"""``astraea congestion evaluate`` as a user meets it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from tests.cli.runner import RUNNER
from typer.testing import Result

from astraea.cli.app import app
from astraea.congestion.evaluation.catalogue import SUITES
from astraea.congestion.evaluation.suite import Case, Setup


def astraea(*words: str) -> Result:
    return RUNNER.invoke(app, ["congestion", "evaluate", *words])


@pytest.fixture
def slow_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite of random losses, on a link so slow that it is done in a moment."""

    def plan(setup: Setup) -> list[Case]:
        cases = SUITES_LOSS.plan(setup)
        links = [tuple(link.model_copy(update={"capacity_mbps": 0.5}) for link in case.world.links) for case in cases]
        return [
            dataclasses.replace(case, world=case.world.model_copy(update={"links": some, "duration_s": 3.0}))
            for case, some in zip(cases, links, strict=True)
        ]

    monkeypatch.setitem(SUITES, "loss", dataclasses.replace(SUITES_LOSS, plan=plan))


SUITES_LOSS = SUITES["loss"]


@pytest.mark.usefixtures("slow_link")
def test_a_suite_is_run_shown_written_and_not_run_again(tmp_path: Path) -> None:
    words = ["loss", "--arms", "cubic,newreno", "--seeds", "1", "--worlds", "2", "--out", str(tmp_path)]
    shown = astraea(*words)
    assert shown.exit_code == 0, shown.output
    for text in ("loss: one flow", "random loss (%): 0.5", "never fair queueing", "written to"):
        assert text in " ".join(shown.output.split())
    assert {path.name for path in tmp_path.iterdir()} == {
        ".lock", "evaluation.json", "evaluation.md", "loss.png", "outcomes.jsonl", "over_time.jsonl"
    }  # fmt: skip
    lines = (tmp_path / "outcomes.jsonl").read_text()
    again = astraea(*words, "--json")
    assert (tmp_path / "outcomes.jsonl").read_text() == lines
    summary = json.loads(again.stdout)
    assert [row["arm"] for row in summary["suites"]["loss"]["rows"]] == ["cubic", "newreno"] * 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["grd"], "unknown suite 'grd'; did you mean 'grid'?"),
        (["grid", "--arms", "cubik"], "unknown arm 'cubik'; did you mean 'cubic'?"),
        (["grid", "--arms", "cubic", "--policy", "mine"], "the policy mine takes no part"),
        (["grid", "--arms", "mine=/not/there"], "/not/there"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path: Path, words: list[str], sentence: str) -> None:
    shown = astraea(*words, "--out", str(tmp_path / "out"))
    assert shown.exit_code == 1
    assert sentence in " ".join(shown.output.split())
    assert "Traceback" not in shown.output


def test_help_names_every_suite() -> None:
    text = " ".join(astraea("--help").output.replace("│", " ").split())
    assert ", ".join(SUITES) in text
