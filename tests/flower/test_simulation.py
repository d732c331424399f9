"""Flower's simulation: the same seed gives the same model, bit for bit, by the strategy and by the engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")
pytest.importorskip("ray", reason="needs Ray, which Flower's simulation runs on")

from astraea.errors import InputError
from astraea.flower.simulation import FlowerEngine

HERE = Path(__file__).parent


@pytest.mark.slow
def test_the_same_bytes_on_flowers_simulation() -> None:
    path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = os.environ | {"PYTHONPATH": path, "FLWR_TELEMETRY_ENABLED": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run(
        [sys.executable, str(HERE / "simulated.py")], env=env, capture_output=True, text=True, timeout=1500
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["strategy"] == found["local"]
    assert found["engine"] == found["local"]


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs Ray, which is not installed: pip install 'astraea\[flower\]'"):
        FlowerEngine(nn.Linear(1, 1), workers=1)
