"""An evaluation of controllers as tables: for a terminal, as Markdown, and as numbers for programs."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table as RichTable

from astraea.congestion.evaluation.runner import Evaluation
from astraea.congestion.evaluation.suite import CONDITIONS
from astraea.congestion.evaluation.tables import Cell, Table, tabulate
from astraea.errors import RunError
from astraea.report.congestion.evaluation_figure import suite_figure

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
        "suites": {suite.name: _plain(tabulate(evaluation, suite)) for suite in evaluation.suites},
    }


def write_evaluation(evaluation: Evaluation, out: Path) -> None:
    """Write evaluation.json, evaluation.md and a picture a suite, ``SUITE.png``, into ``out``."""
    try:
        text = json.dumps(evaluation_summary(evaluation), allow_nan=False, indent=1)
        (out / "evaluation.json").write_text(text + "\n", encoding="utf-8")
        (out / "evaluation.md").write_text(evaluation_markdown(evaluation), encoding="utf-8")
        for suite in evaluation.suites:
            suite_figure(evaluation, suite).savefig(out / f"{suite.name}.png", dpi=120)
    except OSError as error:
        raise RunError(f"{out} cannot be written ({error.strerror}): free space and run the command again") from error


def _shown(table: Table) -> RenderableType:
    """Return a column an arm, which fits a terminal, and a row for each figure, group by group."""
    suite = table.suite
    arms = list(table.seconds)
    grid = RichTable(
        title=f"\n{suite.name}: {suite.summary}", title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    grid.add_column("")
    for arm in arms:
        grid.add_column(arm, justify="right", no_wrap=True)
    for group in table.groups:
        if suite.group:
            grid.add_row(f"{suite.group_title}: {_named(group)}", style="italic")
        for column in suite.columns:
            cells = [table.cell(group, arm, column.key).text(column, spread=False) for arm in arms]
            grid.add_row(column.title, *cells)
    return grid


def _markdown(table: Table) -> str:
    headings = _headings(table)
    lines = ["| " + " | ".join(headings) + " |", "|---" * (len(headings) - len(table.suite.columns)) + "|"]
    lines[1] += "---:|" * len(table.suite.columns)
    for row in table.rows:
        cells = [cell.text(column) for cell, column in zip(row.cells, table.suite.columns, strict=True)]
        lines.append("| " + " | ".join([*_leading(table, row.group), row.arm, *cells]) + " |")
    return "\n".join(lines)


def _headings(table: Table) -> list[str]:
    group = [table.suite.group_title] if table.suite.group else []
    return [*group, "arm", *(column.title for column in table.suite.columns)]


def _leading(table: Table, group: float | str) -> list[str]:
    return [_named(group)] if table.suite.group else []


def _named(group: float | str) -> str:
    return group if isinstance(group, str) else f"{group:g}"


def _plain(table: Table) -> dict[str, Any]:
    columns = table.suite.columns

    def cell(found: Cell, text: str) -> dict[str, Any]:
        return {"value": _finite(found.value), "text": text, "by_seed": [_finite(v) for v in found.by_seed]}

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
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
