"""``astraea congestion emulate`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.runner import RUNNER
from typer.testing import Result

from astraea.cli.app import app
from astraea.congestion.emulation import obstacle
from astraea.congestion.kernel import obstacle as kernel_obstacle

SMALL = ["--bandwidth", "5", "--rtt", "20", "--duration", "1", "--late", "100000"]


def astraea(*words: str) -> Result:
    return RUNNER.invoke(app, ["congestion", "emulate", *words])


@pytest.mark.compiled
def test_json_and_series_of_real_flows(tmp_path: Path) -> None:
    if (lack := obstacle()) is not None:
        pytest.skip(lack)
    shown = astraea("cubic", "reno,start_s=0.2", *SMALL, "--json", "--predict", "--csv", str(tmp_path / "e.csv"))
    assert shown.exit_code == 0, shown.output
    summary = json.loads(shown.stdout)
    assert {"queue_ms", "jain", "utilisation", "fallback"} <= set(summary)
    assert summary["fallback"] is None
    assert [flow["controller"] for flow in summary["flows"]] == ["cubic", "reno"]
    assert 0 < summary["utilisation"] <= 1
    assert 0 < summary["predicted"]["utilisation"] <= 1
    assert summary["relay"]["packets"] > 0
    assert (tmp_path / "e.csv").read_text().startswith("time_s,flow,")


@pytest.mark.compiled
def test_a_policy_with_a_network_drives_real_flows() -> None:
    if (lack := obstacle() or kernel_obstacle()) is not None:
        pytest.skip(lack)
    shown = astraea("astraea", *SMALL, "--policy", "deep", "--predict", "--json")
    assert shown.exit_code == 0, shown.output
    summary = json.loads(shown.stdout)
    assert 0 < summary["utilisation"] <= 1
    assert 0 < summary["predicted"]["utilisation"] <= 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["cubic", "--bandwidth", "0"], "capacity_mbps"),
        (["cubic,rtt_ms=0"], "rtt_ms"),
        (["cubic", "--csv", "/nowhere/e.csv"], "is not there"),
        (["cubic", "--sample", "0"], "set sample_ms above 0"),
        (["astraea", "--policy", "/nowhere/p.safetensors"], "there is no policy at /nowhere/p.safetensors"),
    ],
)
def test_mistakes_are_one_sentence(words: list[str], sentence: str) -> None:
    shown = astraea(*words)
    assert shown.exit_code == 1
    assert sentence in shown.stderr
    assert "Traceback" not in shown.stderr
