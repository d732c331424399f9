"""What is written down: lines that a resumed training continues, and the same numbers for TensorBoard."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from astraea.congestion.trainer.log import Log


def test_lines_beyond_the_checkpoint_are_dropped(tmp_path: Path) -> None:
    first = Log(tmp_path, [], tensorboard=False)
    for epoch in (1, 2, 3):
        first.write({"epoch": epoch, "reward": epoch / 2})
    first.close()
    again = Log(tmp_path, [{"epoch": 1, "reward": 0.5}], tensorboard=False)
    again.write({"epoch": 2, "reward": 7.0})
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [{"epoch": 1, "reward": 0.5}, {"epoch": 2, "reward": 7.0}]


def test_tensorboard_gets_every_number(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs astraea[tensorboard]")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = Log(tmp_path, [], tensorboard=True)
    for epoch in (1, 2):
        log.write({"epoch": epoch, "reward": epoch / 2, "jain": None})
    log.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert events.Tags()["scalars"] == ["reward"]
    assert [(event.step, event.value) for event in events.Scalars("reward")] == [(1, 0.5), (2, 1.0)]
