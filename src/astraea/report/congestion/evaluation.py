"""An evaluation of controllers as tables: for a terminal, as Markdown, and as numbers for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType

from astraea.congestion.evaluation.runner import Evaluation
from astraea.congestion.evaluation.suite import CONDITIONS
from astraea.congestion.evaluation.tables import Cell, SuiteTable, tabulate
from astraea.congestion.simulator.results import FALLBACK_MOST
from astraea.figures import write_figure
from astraea.files import plain, write_json, write_text
from astraea.report.congestion.evaluation_figure import suite_figure
from astraea.tables import Table

__all__ = ["evaluation_markdown", "evaluation_summary", "evaluation_text", "write_evaluation"]


def evaluation_text(evaluation: Evaluation) -> RenderableType:
    """Return the tables for a terminal, without spreads over seeds."""
    return Group(*(_shown(tabulate(evaluation, suite)) for suite in evaluation.suites))


def evaluation_markdown(evaluation: Evaluation) -> str:
    """Return a page: under which conditions, what was left out, and a table for each suite, ± over seeds."""
    seeds = len(evaluation.seeds)
    spread = f"over {seeds} seeds, ± standard deviation between them" if seeds > 1 else "1 seed"
    parts = [
        "# Evaluation of congestion controllers",
        f"{CONDITIONS} The same worlds for every arm; {spread}.",
        "`never`: most had not happened by the end; `–`: does not apply.",
        *(f"Note: {note}." for note in evaluation.notes),
    ]
    for suite in evaluation.suites:
        table = tabulate(evaluation, suite)
        took = ", ".join(f"{arm} {seconds:.0f}" for arm, seconds in table.seconds.items())
        parts += [
            f"## {suite.name}",
            f"{suite.summary[:1].upper()}{suite.summary[1:]}.",
            _markdown(table),
            f"![{suite.name}]({suite.name}.png)",
            f"Seconds of simulation, of one processor: {took}.",
            *([aside] if (aside := _aside(table)) else []),
        ]
    return "\n\n".join(parts) + "\n"


def evaluation_summary(evaluation: Evaluation) -> dict[str, Any]:
    """Return everything as plain values, ready for JSON: NaN and infinity are null, and ``text`` tells them apart."""
    return {
        "conditions": CONDITIONS,
        "seeds": list(evaluation.seeds),
        "arms": [
            {"name": arm.name, "controller": arm.controller, "policy": None if arm.file is None else str(arm.file)}
            for arm in evaluation.arms
        ],
        "notes": list(evaluation.notes),
        "suites": {
            suite.name: {**_plain(tabulate(evaluation, suite)), "over_time": _over_time(evaluation, suite.name)}
            for suite in evaluation.suites
        },
    }


def write_evaluation(evaluation: Evaluation, out: Path) -> None:
    """Write evaluation.json, evaluation.md and a picture a suite, ``SUITE.png``, into ``out``.

    Raises :class:`astraea.errors.RunError` if one cannot be written.
    """
    write_json(out / "evaluation.json", evaluation_summary(evaluation), indent=1)
    write_text(out / "evaluation.md", evaluation_markdown(evaluation))
    for suite in evaluation.suites:
        write_figure(out / f"{suite.name}.png", suite_figure(evaluation, suite))


def _over_time(evaluation: Evaluation, suite: str) -> dict[str, str]:
    """Return which world of each arm is kept over time: its key in ``over_time.jsonl``."""
    return {series.arm: series.key for series in evaluation.over_time if series.suite == suite}


def _shown(table: SuiteTable) -> RenderableType:
    """Return a column an arm, which fits a terminal, and a row for each figure, group by group."""
    suite, arms = table.suite, list(table.seconds)
    rows: list[list[str]] = []
    groups: list[int] = []
    for group in table.groups:
        if suite.group:
            groups.append(len(rows))
            rows.append([f"{suite.group_title}: {_named(group)}", *("" for _ in arms)])
        rows += [
            [column.title, *(table.cell(group, arm, column.key).text(column, spread=False) for arm in arms)]
            for column in suite.columns
        ]
    shown = Table(["", *arms], rows, title=f"{suite.name}: {suite.summary}").rich()
    shown.caption = _aside(table) or None
    for row in groups:
        shown.rows[row].style = "italic"
    return shown


def _aside(table: SuiteTable) -> str:
    """Return the share of time in fallback, by arm; beyond a twentieth its figures are CUBIC's rather than its own."""
    shares = [
        f"{arm} {100 * share:.1f} %{' (counts as CUBIC)' if share > FALLBACK_MOST else ''}"
        for arm, share in table.fallback.items()
    ]
    return f"In fallback, of the time of its flows: {', '.join(shares)}." if shares else ""


def _markdown(table: SuiteTable) -> str:
    columns = table.suite.columns
    rows = [
        [*_leading(table, row.group), row.arm, *(cell.text(c) for cell, c in zip(row.cells, columns, strict=True))]
        for row in table.rows
    ]
    headings = _headings(table)
    return Table(headings, rows, labels=len(headings) - len(columns)).markdown()


def _headings(table: SuiteTable) -> list[str]:
    group = [table.suite.group_title] if table.suite.group else []
    return [*group, "arm", *(column.title for column in table.suite.columns)]


def _leading(table: SuiteTable, group: float | str) -> list[str]:
    return [_named(group)] if table.suite.group else []


def _named(group: float | str) -> str:
    return group if isinstance(group, str) else f"{group:g}"


def _plain(table: SuiteTable) -> dict[str, Any]:
    columns = table.suite.columns

    def cell(found: Cell, text: str) -> dict[str, Any]:
        return {"value": plain(found.value), "text": text, "by_seed": plain(found.by_seed)}

    return {
        "summary": table.suite.summary,
        "group": table.suite.group_title,
        "columns": [{"key": c.key, "title": c.title, "percent": c.percent} for c in columns],
        "rows": [
            {
                "group": row.group,
                "arm": row.arm,
                "worlds": row.worlds,
                "cells": {c.key: cell(f, f.text(c)) for f, c in zip(row.cells, columns, strict=True)},
            }
            for row in table.rows
        ],
        "seconds": table.seconds,
        "fallback": table.fallback,
    }
