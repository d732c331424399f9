"""Metrics file, timings and progress."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from astraea.errors import RunError
from astraea.experiment.folder import RunFolder
from astraea.federation.algorithms import State
from astraea.federation.callbacks import ChainsFile, LiveProgress, MetricsFile, Timing
from astraea.federation.loop import Budget, Run


def run_after(*lines: dict[str, Any]) -> Run:
    return Run(State(len(lines), torch.zeros(1), torch.zeros(0)), history=list(lines))


LINE = {"round": 1, "train_loss": 0.5, "accuracy": 0.25, "balanced_accuracy": 0.5}


def test_metrics_are_appended_and_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"round": 1}\n{"round": 2}\n{"rou')
    callback = MetricsFile(path)
    callback.begin(run_after({"round": 1}), Budget(2))
    callback.after_round(run_after({"round": 1}, {"round": 2, "loss": 0.1}))
    assert path.read_text() == '{"round": 1}\n{"round": 2, "loss": 0.1}\n'


def test_what_cannot_be_measured_is_null(tmp_path: Path) -> None:
    MetricsFile(tmp_path / "metrics.jsonl").begin(run_after({"round": 1, "loss": math.nan}), Budget(1))
    assert (tmp_path / "metrics.jsonl").read_text() == '{"round": 1, "loss": null}\n'
    (line,) = RunFolder(tmp_path).read_metrics()
    assert line["round"] == 1
    assert math.isnan(line["loss"])
    (tmp_path / "metrics.jsonl").write_text('{"round": 1, "loss": NaN}\n')  # as earlier versions wrote it
    assert math.isnan(RunFolder(tmp_path).read_metrics()[0]["loss"])


def test_chains_that_are_no_chains_are_refused(tmp_path: Path) -> None:
    (tmp_path / "chains.jsonl").write_text("1\n")
    with pytest.raises(RunError, match=r"chains\.jsonl is damaged .*: delete it, and the run goes on"):
        ChainsFile(tmp_path / "chains.jsonl").begin(run_after(), Budget(1))


def test_metrics_that_cannot_be_written_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.mkdir()
    with pytest.raises(RunError, match=r"metrics\.jsonl cannot be written"):
        MetricsFile(path).begin(run_after(), Budget(1))
    with pytest.raises(RunError, match=r"metrics\.jsonl cannot be written"):
        MetricsFile(path).after_round(run_after({"round": 1}))


def test_timings_go_on_from_where_a_run_was_stopped(tmp_path: Path) -> None:
    path = tmp_path / "timings.jsonl"
    path.write_text('{"round": 1, "seconds": 2.0}\n{"round": 2, "seconds": 8.0}\n{"round"')
    ticks = iter([100.0, 100.5])
    timing = Timing(path, lambda: next(ticks))
    timing.begin(run_after({"round": 1}), Budget(2))
    timing.after_round(run_after({"round": 1}, {"round": 2}))
    assert timing.total == 2.5
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [{"round": 1, "seconds": 2.0}, {"round": 2, "seconds": 0.5}]


def test_progress_shows_round_accuracy_and_skipped_visits() -> None:
    text = io.StringIO()
    progress = LiveProgress(Console(file=text, width=150, force_terminal=True), "astraea")
    run = run_after(LINE | {"skipped": [{"client": 3, "pass": 0, "reason": "gone"}]})
    progress.begin(run, Budget(2))
    progress.after_round(run)
    progress.end(run)
    shown = text.getvalue()
    assert "client 3 skipped (gone)" in shown
    assert "accuracy 25.0%" in shown
