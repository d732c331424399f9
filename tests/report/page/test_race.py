"""The page of a race, from numbers worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from astraea.report.page.html import Page
from astraea.report.page.write import page_of

TIMES = [0.5, 1.0, 1.5, 2.0]
FLOW = {"rtt_ms": 20.0, "loss": 0.0, "completion": None, "controller": "cubic", "end_s": 2.0}
LINK = {"capacity_mbps": 4.0, "buffer_bytes": 5000, "loss": 0.01}


def write_race(folder: Path, goodputs: dict[str, list[float]], starts: dict[str, float]) -> Path:
    folder.mkdir()
    header = "time_s,flow,goodput_mbps,rtt_ms,cwnd\n"
    rows = [f"{time},{name},{values[k]},20,3\n" for k, time in enumerate(TIMES) for name, values in goodputs.items()]
    (folder / "race.csv").write_text(header + "".join(rows))
    flows = [{**FLOW, "name": name, "start_s": starts[name], "goodput_mbps": 1.0} for name in goodputs]
    facts = dict.fromkeys(("jain", "min_max", "utilisation", "queue_ms", "queue_p95_ms", "loss"), 0.5)
    settings = {"links": [LINK], "duration_s": 2.0}
    told = {**facts, "convergence_s": None, "flows": flows, "settings": settings, "again": "again <now>"}
    (folder / "race.json").write_text(json.dumps(told))
    return folder


def charts(page: Page) -> dict[str, Any]:
    return {chart.title: chart for section in page.sections for chart in section.charts}


def test_what_each_flow_got_and_how_fair_it_was_stand_over_time(tmp_path: Path) -> None:
    page = page_of(write_race(tmp_path / "r", {"a": [4, 4, 3, 1], "b": [0, 0, 1, 1]}, {"a": 0.0, "b": 1.5}))

    drawn = charts(page)

    assert page.lead == "2 flows on one link: 4 Mbit/s, 5 kB of buffer, 1.00% random loss, 2 s."
    goodput = [(row["name"], row["x"], row["y"]) for row in drawn["Goodput, Mbit/s"].rows]
    assert goodput == [("a", 0.5, 4), ("a", 1.0, 4), ("a", 1.5, 3), ("a", 2.0, 1), ("b", 1.5, 1), ("b", 2.0, 1)]
    # Two samples are a second. At 1.5 s a has 3.5 on average and b 1: (4.5)^2 / (2 (12.25 + 1)) = 0.76415.
    # At 2 s both have: a 2, b 1: 9 / (2 (4 + 1)) = 0.9.
    fair = [(row["x"], row["y"]) for row in drawn["Jain's index of the last second"].rows]
    assert fair == [(1.5, 0.76415), (2.0, 0.9)]
    assert "again &lt;now&gt;" in page.sections[-1].html


def test_one_flow_has_no_fairness(tmp_path: Path) -> None:
    page = page_of(write_race(tmp_path / "r", {"a": [1, 1, 1, 1]}, {"a": 0.0}))
    assert list(charts(page)) == ["Goodput, Mbit/s", "Round-trip time, ms", "Window, packets"]
