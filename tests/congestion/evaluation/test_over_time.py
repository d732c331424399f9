"""What is kept of a world over time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from astraea.congestion import dumbbell, simulate
from astraea.congestion.evaluation.over_time import append_series, over_time, read_series
from astraea.errors import RunError


def test_means_over_windows_and_nothing_of_absent_flows(tmp_path: Path) -> None:
    flows: list[dict[str, Any]] = [
        {"controller": "newreno", "name": "a"},
        {"controller": "newreno", "name": "b", "start_s": 1.0},
    ]
    result = simulate(dumbbell(flows, capacity_mbps=1.0, rtt_ms=20.0, duration_s=3.0, seed=1))

    found = over_time(result, "tiny", "newreno", "key", "1 Mbit/s")

    assert found.times_s == [1.0, 2.0, 3.0]
    each = result.goodput_mbps.reshape(2, 3, -1).mean(axis=2)
    assert found.goodput_mbps["a"] == pytest.approx(each[0], rel=1e-3)
    assert found.goodput_mbps["b"][0] is None
    assert found.goodput_mbps["b"][1:] == pytest.approx(each[1, 1:], rel=1e-3)
    assert found.jain[0] is None
    assert found.jain[1:] == pytest.approx((each.sum(axis=0) ** 2 / (2 * (each**2).sum(axis=0)))[1:], rel=1e-3)
    first = result.rtt_ms[:, : result.rtt_ms.shape[1] // 3]
    assert found.rtt_ms[0] == pytest.approx(float(np.nanmean(first)), rel=1e-3)

    append_series(tmp_path / "kept", found)
    with (tmp_path / "kept").open("a") as file:
        file.write('{"cut')
    assert read_series(tmp_path / "kept") == [found]


def test_of_many_flows_some_are_kept_evenly() -> None:
    flows: list[dict[str, Any]] = [{"controller": "newreno", "name": str(k)} for k in range(10)]
    result = simulate(dumbbell(flows, capacity_mbps=10.0, rtt_ms=20.0, duration_s=1.0, seed=1))
    assert list(over_time(result, "s", "a", "k", "c").goodput_mbps) == ["0", "3", "6", "9"]


def test_what_is_no_series_is_told(tmp_path: Path) -> None:
    assert read_series(tmp_path / "none") == []
    (tmp_path / "kept").write_text(json.dumps({"suite": "tiny"}) + "\n")
    with pytest.raises(RunError, match=r"is damaged .*: delete it, and the same command makes it anew"):
        read_series(tmp_path / "kept")
