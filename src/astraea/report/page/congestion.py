"""The page of an evaluation of congestion controllers: a picture and the whole table of every suite."""

from __future__ import annotations

import shlex
from typing import Any

from astraea.report.page.charts import Chart, dots, lines
from astraea.report.page.html import Page, Section
from astraea.report.page.records import EvaluationRecord
from astraea.report.page.run import repeat
from astraea.tables import Table

__all__ = ["evaluation_page"]

_COLUMNS = 3  # so many figures of a suite are drawn; the table has all


def evaluation_page(evaluation: EvaluationRecord) -> Page:
    """Return the page of an evaluation."""
    facts = evaluation.facts
    arms = [arm["name"] for arm in facts["arms"]]
    seeds = len(facts["seeds"])
    lead = f"{facts['conditions']} The same worlds for every arm, {seeds} {'seeds' if seeds > 1 else 'seed'}."
    sections = [
        _suite(name, suite, arms, _course(evaluation, name, suite, arms)) for name, suite in facts["suites"].items()
    ]
    again = f"astraea congestion evaluate {','.join(facts['suites'])} --arms {','.join(arms)} --seeds {seeds}"
    notes = [f"{note}." for note in facts["notes"]]
    return Page(
        f"Congestion controllers: {', '.join(arms)}",
        lead,
        notes,
        [*sections, repeat([f"{again} --out {shlex.quote(str(evaluation.folder))}"])],
    )


def _suite(name: str, suite: dict[str, Any], arms: list[str], course: list[Chart]) -> Section:
    grouped = bool(suite["group"])
    leading = [suite["group"]] if grouped else []
    rows = [
        [
            *([str(row["group"])] if grouped else []),
            row["arm"],
            *(row["cells"][column["key"]]["text"] for column in suite["columns"]),
        ]
        for row in suite["rows"]
    ]
    titles = [*leading, "arm", *(column["title"] for column in suite["columns"])]
    table = Table(titles, rows, labels=len(leading) + 1).html()
    charts = [_chart(suite, column, arms) for column in suite["columns"][:_COLUMNS]]
    return Section(name, [*charts, *course], table, suite["summary"])


def _course(evaluation: EvaluationRecord, name: str, suite: dict[str, Any], arms: list[str]) -> list[Chart]:
    """Return one world of a suite over time: each arm's flows, and the arms' delay and fairness beside each other."""
    keys = suite.get("over_time", {})
    found = {line["arm"]: line for line in evaluation.over_time if line["suite"] == name}
    shown = [arm for arm in arms if arm in found and found[arm]["key"] == keys.get(arm)]
    if not shown:
        return []
    first = found[shown[0]]
    note = f"One world of the suite: {first['case']}."
    charts = [_flows(found, shown, note)]
    for key, title, words in (
        ("rtt_ms", "Round-trip time over time", "round-trip time, ms"),
        ("jain", "Fairness over time", "Jain's index of goodputs"),
    ):
        rows = [
            {"name": arm, "x": x, "y": y}
            for arm in shown
            for x, y in zip(found[arm]["times_s"], found[arm][key], strict=True)
            if y is not None
        ]
        if rows:
            charts.append(lines(title, rows, shown, "time, s", words, note))
    return charts


def _flows(found: dict[str, dict[str, Any]], arms: list[str], note: str) -> Chart:
    """Return what flows got over time; a reader chooses the arm. Flows are numbered where arms name them otherwise."""
    got = {arm: found[arm]["goodput_mbps"] for arm in arms}
    names = list(got[arms[0]])
    if any(list(of) != names for of in got.values()):
        names = [f"flow {number}" for number in range(1, len(names) + 1)]
    series = {arm: list(of.values()) for arm, of in got.items()}
    rows = [
        {"name": name, "x": x} | {arm: series[arm][number][k] for arm in arms}
        for number, name in enumerate(names)
        for k, x in enumerate(found[arms[0]]["times_s"])
    ]
    choices = [(arm, f"goodput under {arm}, Mbit/s") for arm in arms]
    return lines(
        "Goodput of flows over time", rows, names, "time, s", choices, f"{note} Of many flows, four are shown."
    )


def _chart(suite: dict[str, Any], column: dict[str, Any], arms: list[str]) -> Chart:
    scale = 100 if column["percent"] else 1
    rows = []
    for row in suite["rows"]:
        cell = row["cells"][column["key"]]
        values = [value for value in cell["by_seed"] if value is not None] or [cell["value"]]
        if cell["value"] is not None:
            rows.append(
                {
                    "arm": row["arm"],
                    "category": str(row["group"]) if suite["group"] else row["arm"],
                    "value": scale * cell["value"],
                    "low": scale * min(values),
                    "high": scale * max(values),
                }
            )
    order = list(dict.fromkeys(str(row["group"]) if suite["group"] else row["arm"] for row in suite["rows"]))
    title = column["title"]
    title = title[:1].upper() + title[1:]
    return dots(title, rows, arms, order, suite["group"] or "arm", title, "Lines: from the worst seed to the best.")
