"""The page of an evaluation of congestion controllers: a picture and the whole table of every suite."""

from __future__ import annotations

import shlex
from typing import Any

from astraea.report.page.charts import Chart, dots
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
    sections = [_suite(name, suite, arms) for name, suite in facts["suites"].items()]
    again = f"astraea congestion evaluate {','.join(facts['suites'])} --arms {','.join(arms)} --seeds {seeds}"
    notes = [f"{note}." for note in facts["notes"]]
    return Page(
        f"Congestion controllers: {', '.join(arms)}",
        lead,
        notes,
        [*sections, repeat([f"{again} --out {shlex.quote(str(evaluation.folder))}"])],
    )


def _suite(name: str, suite: dict[str, Any], arms: list[str]) -> Section:
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
    return Section(
        name, [_chart(suite, column, arms) for column in suite["columns"][:_COLUMNS]], table, suite["summary"]
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
    unit = ", %" if column["percent"] else ""
    title = column["title"]
    return dots(
        title, rows, arms, order, suite["group"] or "arm", f"{title}{unit}", "Lines: from the worst seed to the best."
    )
