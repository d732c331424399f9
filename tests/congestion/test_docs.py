"""The reference pages name everything that there is."""

from __future__ import annotations

import runpy
from dataclasses import fields
from pathlib import Path
from typing import Any

from astraea.congestion import WorldRanges
from astraea.congestion.environment.global_state import STATE
from astraea.congestion.evaluation.catalogue import SUITES
from astraea.congestion.evaluation.suite import Setup
from astraea.congestion.metrics.score import Score, ScoreSettings
from astraea.congestion.observation import FEATURES
from astraea.congestion.reward import TERMS, RewardSettings

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = DOCS / "reference"
HOOKS: dict[str, Any] = runpy.run_path(str(DOCS / "hooks.py"))


def built(page: str) -> str:
    text: str = HOOKS["on_page_markdown"]((REFERENCE / page).read_text(encoding="utf-8"))
    return text


def test_the_environments_page_is_complete() -> None:
    page = built("environment.md")
    features = [feature.name for parts in FEATURES.values() for part in parts for feature in part]
    settings = [*WorldRanges.model_fields, "history", "features", "window", "limit", "tolerance_packets"]
    for name in [*features, *(name for name, _ in STATE), *settings]:
        assert f"`{name}`" in page or f"{name}=" in page, name
    assert all(term in page for term in TERMS)
    for name in ("throughput", "latency", "loss", "fairness", "stability"):
        assert f"{RewardSettings.model_fields[name].default}" in page


def test_the_metrics_page_is_complete() -> None:
    page = built("congestion-metrics.md")
    for name in [field.name for field in fields(Score)] + list(ScoreSettings.model_fields):
        assert f"`{name}`" in page or name == "flows", name


def test_the_evaluations_page_is_complete() -> None:
    page = (REFERENCE / "evaluation.md").read_text(encoding="utf-8")
    for suite in SUITES.values():
        count = "3 + traces" if suite.needs_traces else f"{len(suite.cases(Setup('cubic', 0)))}"
        assert f"| `{suite.name}` | {count} |" in page
