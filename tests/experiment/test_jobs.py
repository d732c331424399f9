"""How far a run of a comparison is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from astraea.experiment.jobs import Job
from astraea.experiment.settings import parse_settings


@pytest.mark.parametrize(("budget", "share"), [({"rounds": 8}, 0.25), ({"samples": 50}, 0.4), ({"rounds": 2}, 0.99)])
def test_progress_is_told_in_rounds_or_in_samples(tmp_path: Path, budget: dict[str, int], share: float) -> None:
    job = Job("astraea", parse_settings(budget, "here"), tmp_path)
    assert job.progress() == (0.0, 0)
    lines = [json.dumps({"round": k, "samples_processed": 10 * k}) for k in (1, 2)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + '\n{"round": 3, "sam')
    assert job.progress() == (share, 2)
    (tmp_path / "summary.json").write_text("{}")
    assert job.progress() == (1.0, 0)
