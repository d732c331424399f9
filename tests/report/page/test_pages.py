"""What pages say, and that names from outside are only ever text."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from folders import write_comparison, write_run

from astraea.report.page import write_page
from astraea.report.page.html import Page, Section, to_html
from astraea.report.page.write import page_of

HOSTILE = "</script><script>alert(1)</script>&\"'{{x}}@x"


def charts(page: Page) -> dict[str, Any]:
    return {chart.title: chart for section in page.sections for chart in section.charts}


def test_a_run_shows_its_curves_recalls_clients_copies_and_mediators(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path / "run", [0.25, 0.5], recalls=[0.75, 0.5]))

    drawn = charts(page)

    assert page.title == "astraea on pets"
    assert page.lead == "by hand. Seed 3, 2 rounds."
    assert [row["accuracy"] for row in drawn["Accuracy over the course of the run"].rows] == [25.0, 50.0]
    assert [row["value"] for row in drawn["Recall of each class on the test set"].rows] == [75.0, 50.0]
    assert drawn["Share of each class in a client's samples"].rows == [
        {"row": "a", "column": "cat", "count": 8, "share": 1.0},
        {"row": "b", "column": "cat", "count": 2, "share": 0.667},
        {"row": "b", "column": "dog", "count": 1, "share": 0.333},
        {"row": "c", "column": "dog", "count": 1, "share": 1.0},
    ]
    copies = {(row["category"], row["part"]): row["value"] for row in drawn["Copies of rare classes"].rows}
    assert copies == {("cat", "samples"): 10, ("cat", "copies"): 0, ("dog", "samples"): 2, ("dog", "copies"): 1}
    # Mediators: 8 cats and 2 dogs against 2 cats and a dog, so the second is the more even one.
    pooled = drawn["Share of each class in what a mediator trained on, round 2"].rows
    assert [(row["column"], row["count"]) for row in pooled] == [("cat", 2), ("dog", 1), ("cat", 8), ("dog", 2)]
    assert pooled[0]["row"] == "2 (KL 0.06)"  # ln 2 - H(2/3) = 0.0566
    assert pooled[2]["row"] == "1 (KL 0.19)"  # ln 2 - H(0.8) = 0.1927


def test_what_a_run_lacks_is_left_out(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [0.5], finished=False)
    (folder / "scenario.json").unlink()
    assert list(charts(page_of(folder))) == ["Accuracy over the course of the run"]


def test_skipped_visits_are_told_by_round(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [0.5, 0.5], visits_skipped=3)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    lines[0]["visits_skipped"], lines[1]["visits_skipped"] = 1, 3
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (skipped,) = [s for s in page_of(folder).sections if s.title == "Skipped visits"]
    assert '<td>1</td><td class="figure">1</td>' in skipped.html
    assert '<td>2</td><td class="figure">2</td>' in skipped.html


def test_reasons_of_skipped_visits_are_told_with_the_clients(tmp_path: Path) -> None:
    names = [f"site {number}" for number in range(9)]
    why = [{"reason": "<late>", "visits": 12, "clients": 9, "names": names}]
    folder = write_run(tmp_path / "run", [0.5, 0.5], visits_skipped=12, skipped=why)
    (skipped,) = [s for s in page_of(folder).sections if s.title == "Skipped visits"]
    assert "<td>&lt;late&gt;</td><td>site 0, site 1, " in skipped.html
    assert "site 7, …</td>" in skipped.html


def test_a_run_on_a_network_shows_its_latest_round_as_a_timeline(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [0.5, 0.5])
    seconds = {"round_seconds": 3.0, "round_compute_seconds": 2.0, "round_transfer_seconds": 1.0}
    timed = {**seconds, "round_waiting_seconds": 0.0, "link_utilisation": {"cell": 0.25}}
    lines = [json.loads(one) | timed for one in (folder / "metrics.jsonl").read_text().splitlines()]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    bar = {"chain": 0, "client": 2, "part": "training", "start": 1.0, "end": 3.0, "critical": True}
    told = {"round": 2, "seconds": 3.0, "compute": 2.0, "transfer": 1.0, "waiting": 0.0, "bound": 2.5, "chains": 1}
    (folder / "timeline.json").write_text(json.dumps({**told, "bars": [bar, {**bar, "client": -1}]}))

    page = page_of(folder)

    (section,) = [section for section in page.sections if section.title == "On the network"]
    assert [row["client"] for row in section.charts[0].rows] == ["c", "mediator or server"]
    assert section.charts[0].title == "Who does what when in round 2"
    assert "3.0 s along the critical path, which is underlined: 2.0 training, 1.0 transfers" in section.charts[0].note
    assert {row["name"]: row["y"] for row in section.charts[1].rows}["training"] == 2.0
    assert '<td>cell</td><td class="figure">25.0%</td>' in section.html


def test_a_comparison_has_its_table_bands_and_search(tmp_path: Path) -> None:
    searched = {"astraea": {"0.1": 0.5, "0.2": None}}
    page = page_of(write_comparison(tmp_path / "out", {"fedavg": [0.5, 0.7], "astraea": [0.8, 0.8]}, searched))

    sections = {section.title: section for section in page.sections}
    rows = charts(page)["Accuracy over the course of the run"].rows

    assert page.title == "fedavg and astraea on pets"
    assert "60.0 ± 14.1" in sections["At a glance"].html
    assert "failed" in sections["What was searched"].html
    assert [(row["arm"], row["accuracy"]) for row in rows][1::2] == [("fedavg", 60.0), ("astraea", 80.0)]


def test_names_are_text_wherever_they_stand(tmp_path: Path) -> None:
    classes = [HOSTILE, "dog"]
    folder = write_run(tmp_path / "run", [0.5], classes=classes, clients=[HOSTILE, HOSTILE, "c"], dataset=HOSTILE)

    text = write_page(folder).read_text()

    assert "<script>alert" not in text
    assert text.count("<script") == 3  # the data, the library, the page's own
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])  # type: ignore[index]
    rows = next(chart["rows"] for chart in data if "share" in chart["rows"])
    assert HOSTILE in rows["column"]
    assert set(rows["row"]) == {HOSTILE, f"{HOSTILE} (1)", "c"}  # two clients of one name stay two


def test_nothing_but_the_pages_own_may_run_or_load() -> None:
    text = to_html(Page("t", "l", []))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy[1]
    assert "connect-src" not in policy[1]
    assert "connect-src 'self'" in to_html(Page("t", "l", []), live="1")
    assert not re.search(r'(src|href)="', text.replace("image/", ""))


def test_a_large_comparison_stays_small(tmp_path: Path) -> None:
    classes = [f"character {n}" for n in range(62)]
    arms = {f"arm-{n}": [0.5] for n in range(10)}
    folder = write_comparison(tmp_path / "out", arms, classes=classes)
    for file in folder.rglob("metrics.jsonl"):
        line = json.loads(file.read_text().splitlines()[0])
        lines = [
            {**line, "round": n, "accuracy": (n * 7919 % 1000) / 999.7, "bytes_sent": 12345.678 * n}
            for n in range(1000)
        ]
        file.write_text("".join(json.dumps(one) + "\n" for one in lines))
    page = write_page(folder, tmp_path / "page.html")
    assert page.stat().st_size < 1.5e6
    assert len(charts(page_of(folder))["Accuracy over the course of the run"].rows) <= 10 * 300


def test_pages_are_made_without_pytorch(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", [0.5])
    made = f"from astraea.report.page import write_page; write_page({str(folder)!r})"
    code = f"import sys; {made}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (folder / "report.html").is_file()


def test_sections_without_charts_are_shown() -> None:
    text = to_html(Page("t", "l", ["do <b>"], [Section("Only text", html="<p>here</p>")]))
    assert "<li>do &lt;b&gt;</li>" in text
    assert "<h2>Only text</h2>" in text


@pytest.mark.parametrize("group", ["RTT ms", ""])
def test_an_evaluation_has_a_picture_and_a_table_a_suite(tmp_path: Path, group: str) -> None:
    cells = {
        "jain": {"value": 0.9, "text": "0.900", "by_seed": [0.8, None, 1.0]},
        "late": {"value": None, "text": "never", "by_seed": []},
    }
    columns = [
        {"key": "jain", "title": "Jain's index", "percent": False},
        {"key": "late", "title": "late", "percent": True},
    ]
    suite = {
        "summary": "flows that share",
        "group": group,
        "columns": columns,
        "rows": [{"group": 30, "arm": "cubic", "worlds": 1, "cells": cells}],
        "over_time": {"cubic": "1", "bbr": "2"},
    }
    facts = {
        "conditions": "As said.",
        "seeds": [0],
        "arms": [{"name": "cubic"}, {"name": "bbr"}],
        "notes": ["traces are missing"],
        "suites": {"grid": suite},
    }
    (tmp_path / "evaluation.json").write_text(json.dumps(facts))
    course = {
        "suite": "grid",
        "arm": "cubic",
        "key": "1",
        "case": "30 ms",
        "times_s": [1.0, 2.0],
        "goodput_mbps": {"a": [5.0, 4.0], "b": [None, 4.0]},
        "rtt_ms": [31.0, 33.0],
        "jain": [None, 1.0],
    }
    theirs = course | {
        "key": "2",
        "arm": "bbr",
        "goodput_mbps": {"c": [1.0, 2.0], "d": [None, 3.0]},
        "jain": [None, None],
    }
    lines = [course | {"key": "0"}, course, theirs]
    (tmp_path / "over_time.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))

    page = page_of(tmp_path)

    jain, late, goodput, rtt, fairness = page.sections[0].charts
    words = [(arm, f"goodput under {arm}, Mbit/s") for arm in ("cubic", "bbr")]
    assert goodput.choices == {"y": words}
    assert [(row["name"], row["x"], row["cubic"], row["bbr"]) for row in goodput.rows] == [
        ("flow 1", 1.0, 5.0, 1.0),
        ("flow 1", 2.0, 4.0, 2.0),
        ("flow 2", 1.0, None, None),
        ("flow 2", 2.0, 4.0, 3.0),
    ]
    assert [(row["name"], row["x"], row["y"]) for row in rtt.rows] == [
        (arm, x, y) for arm in ("cubic", "bbr") for x, y in ((1.0, 31.0), (2.0, 33.0))
    ]
    assert fairness.rows == [{"name": "cubic", "x": 2.0, "y": 1.0}]
    assert "One world of the suite: 30 ms." in fairness.note
    assert jain.rows == [
        {"arm": "cubic", "category": "30" if group else "cubic", "value": 0.9, "low": 0.8, "high": 1.0}
    ]
    assert late.rows == []
    assert "never" in page.sections[0].html
    assert list(page.advice) == ["traces are missing."]
