"""``astraea congestion race`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.runner import RUNNER
from typer.testing import Result

from astraea.cli.app import app
from astraea.report.page import write_page

SMALL = ["--bandwidth", "2", "--rtt", "40", "--duration", "2"]


def astraea(*words: str) -> Result:
    return RUNNER.invoke(app, ["congestion", *words])


def test_a_race_is_summed_up_drawn_and_written(tmp_path: Path) -> None:
    picture, numbers = tmp_path / "race.png", tmp_path / "race.csv"
    shown = astraea("race", "newreno", "vegas", *SMALL, "--picture", str(picture), "--csv", str(numbers))
    assert shown.exit_code == 0, shown.output
    assert "vegas-1" in shown.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert numbers.read_text().startswith("time_s,flow,")


def test_a_race_in_a_folder_becomes_a_page(tmp_path: Path) -> None:
    out = tmp_path / "race"
    shown = astraea("race", "newreno", "vegas,start_s=0.5", *SMALL, "--out", str(out))
    assert shown.exit_code == 0, shown.output
    again = json.loads((out / "race.json").read_text())["again"]
    assert again == "astraea congestion race newreno vegas,start_s=0.5 --bandwidth 2.0 --rtt 40.0 --duration 2.0"
    assert {path.name for path in out.iterdir()} == {*(f"race.{end}" for end in ("png", "svg", "pdf", "csv", "json"))}

    page = write_page(out).read_text()

    assert "newreno against vegas" in page
    assert again in page


def test_json_is_for_programs() -> None:
    shown = astraea("race", "newreno", "newreno,start_s=1", *SMALL, "--loss", "0.01", "--json")
    summary = json.loads(shown.stdout)
    assert summary["settings"]["links"][0]["loss"] == 0.01
    assert [flow["start_s"] for flow in summary["flows"]] == [0, 1]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["newrno"], "did you mean 'newreno'"),
        (["newreno", "--bandwidth", "0"], "capacity_mbps"),
        (["newreno", "--sample", "0"], "no time series"),
        (["newreno", "--picture", "race.doc"], "must end in"),
        (["newreno", "--csv", "/not/there/race.csv"], "the folder /not/there is not there"),
    ],
)
def test_mistakes_are_one_sentence(words: list[str], sentence: str) -> None:
    shown = astraea("race", *words, "--duration", "0.1")
    assert shown.exit_code == 1
    assert sentence in " ".join(shown.output.split())
    assert "Traceback" not in shown.output
