"""Flower's simulation: the same seed gives the same model, bit for bit, by the strategy and by the engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from torch import nn

pytest.importorskip("flwr", reason="needs the extra astraea[flower]")
from astraea.errors import InputError
from astraea.flower.simulation import FlowerEngine, publish

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray, which Flower's simulation runs on")
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


@pytest.mark.skipif(sys.platform != "linux", reason="a file without a name is Linux's")
def test_samples_that_other_processes_read_have_no_name_in_the_file_system(tmp_path: Path) -> None:
    file, where = publish(tmp_path / "clients.pickle", {"samples": [1, 2]})
    assert list(tmp_path.iterdir()) == []
    read = f"import pickle; print(pickle.load(open({where!r}, 'rb')))"
    assert (
        subprocess.run([sys.executable, "-c", read], capture_output=True, text=True).stdout == "{'samples': [1, 2]}\n"
    )
    file.close()
    assert not Path(where).exists()


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs Ray, which is not installed: pip install 'flwr\[simulation\]'"):
        FlowerEngine(nn.Linear(1, 1), workers=1)
