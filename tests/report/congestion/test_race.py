"""A race as text, picture and numbers."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from astraea.congestion import Result, simulate
from astraea.congestion.metrics.score import score
from astraea.congestion.race import race_world
from astraea.report.congestion.race import race_figure, race_live, race_summary, race_text, write_race_csv


@pytest.fixture(scope="module")
def result() -> Result:
    flows = ["newreno", "vegas,size_bytes=15000,name=brief"]
    return simulate(race_world(flows, capacity_mbps=2, rtt_ms=40, duration_s=2.0, stagger_s=0.5))


def _shown(what: object) -> str:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(what)
    return console.export_text()


def test_text_names_every_flow_and_metric(result: Result) -> None:
    text = _shown(race_text(score(result)))
    for word in ("newreno-0", "brief", "Jain's index", "utilisation", "queueing delay", "convergence"):
        assert word in text
    live = _shown(race_live(result))
    assert "2.0 of 2 s" in live
    assert "newreno-0" in live


def test_summary_is_json_without_nan(result: Result) -> None:
    summary = json.loads(json.dumps(race_summary(result, score(result)), allow_nan=False))
    assert summary["settings"]["flows"][1]["name"] == "brief"
    assert summary["flows"][1]["completion"]["censored"] is False
    assert 0 < summary["utilisation"] <= 1


def test_picture_has_a_line_for_each_flow_in_each_panel(result: Result) -> None:
    axes = race_figure(result).axes
    assert [axis.get_ylabel() for axis in axes] == ["goodput, Mbit/s", "round-trip time, ms", "window, packets"]
    assert all(len(axis.lines) == 2 for axis in axes)
    assert race_figure(result, "a title").get_suptitle() == "a title"
    assert race_figure(result).get_suptitle() == "2 Mbit/s, 40 ms, 10 kB of buffer"


def test_numbers_are_those_of_the_series(result: Result, tmp_path: Path) -> None:
    write_race_csv(result, tmp_path / "race.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "race.csv").read_text())))
    assert len(rows) == 2 * 20
    last = rows[-2]
    assert (last["time_s"], last["flow"]) == ("2", "newreno-0")
    assert float(last["goodput_mbps"]) == pytest.approx(result.goodput_mbps[0, -1], rel=1e-5)
    assert rows[1]["rtt_ms"] == ""  # the second flow has not begun
