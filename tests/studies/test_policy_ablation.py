"""The policy's ablation: arms that change what they say, and a page made from the folders of runs alone."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

POLICY = Path(__file__).parents[2] / "studies" / "policy"


@pytest.fixture(scope="module")
def arms(script: Callable[[str, str], ModuleType]) -> ModuleType:
    return script("arms", "policy")


@pytest.fixture(scope="module")
def pages(script: Callable[[str, str], ModuleType]) -> ModuleType:
    return script("pages", "policy")


def test_arms_differ_from_the_first_in_one_thing_and_take_as_much(arms: ModuleType) -> None:
    base = arms.settings_of("cooperative", 0, 320_000)
    changed = {}
    for name in arms.ARMS:
        settings = arms.settings_of(name, 0, 320_000)
        changed[name] = {key for key in type(base).model_fields if getattr(settings, key) != getattr(base, key)}
    assert changed == {
        "cooperative": set(),
        "own reward": {"reward"},
        "local critic": {"critic"},
        "no fairness term": {"reward"},
        "no stability term": {"reward"},
        "single flow": {"worlds"},
        "single flow, rate": {"worlds"},
        "published features": {"observation"},
        "scale-free features": {"observation"},
        "clean worlds": {"worlds"},
        arms.UNTRAINED: set(),
    }
    assert base.flow_steps == 10 * base.updates * base.update_flow_steps
    assert base.exploration_actions * base.worlds_at_once == pytest.approx(320_000 / 3, rel=0.01)


def _keep(kept: Path, arm: str, seed: int, jains: list[float]) -> None:
    folder = kept / arm.replace(" ", "-") / f"seed-{seed}"
    folder.mkdir(parents=True)
    same = {"queue_ms": 10.0, "rtt_ms": 40.0, "loss": 0.01}
    worlds = [
        {"jain": jain, "utilisation": 0.5 / (k + 1), "capacity_mbps": 100.0 * (k + 1), **same}
        for k, jain in enumerate(jains)
    ]
    (folder / "scores.json").write_text(json.dumps({"arm": arm, "seed": seed, "decisions": 1000, "worlds": worlds}))


def test_the_page_shows_what_is_finished(pages: ModuleType, tmp_path: Path) -> None:
    kept, out = tmp_path / "kept", tmp_path / "out"
    assert not pages.write_page(kept, out)
    _keep(kept, "own reward", 0, [0.5, 0.7])
    _keep(kept, "cooperative", 1, [0.8, 1.0])
    _keep(kept, "cooperative", 0, [0.9, 0.9])
    assert pages.write_page(kept, out)
    text = (out / "policy-ablation.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith(("| cooperative", "| own"))]
    assert rows == [
        "| cooperative | 2 | 0.900 ± 0.000 | 0.855 ± 0.064 | 50.0 ± 0.0 | 25.0 ± 0.0 | 0.25 ± 0.00 | 1.00 ± 0.00 |",
        "| own reward | 1 | 0.600 | 0.510 | 50.0 | 25.0 | 0.25 | 1.00 |",
    ]
    with (out / "policy-ablation.csv").open(newline="") as file:
        values: list[dict[str, Any]] = list(csv.DictReader(file))
    assert [(row["arm"], row["seed"]) for row in values] == [
        ("cooperative", "0"),
        ("cooperative", "1"),
        ("own reward", "0"),
    ]
    assert float(values[1]["5th percentile of worlds"]) == pytest.approx(0.81)
    assert (out / "policy-ablation.png").stat().st_size > 5000


@pytest.mark.slow
def test_the_command_trains_judges_and_goes_on(tmp_path: Path) -> None:
    command = [sys.executable, str(POLICY / "ablation.py"), "--smoke", "--out", str(tmp_path)]
    first = subprocess.run([*command, "--arms", "cooperative"], capture_output=True, text=True, check=True)
    assert "1 of 1 trainings of 800 decisions" in first.stderr
    second = subprocess.run(
        [*command, "--arms", "cooperative;local critic;untrained"], capture_output=True, text=True, check=True
    )
    assert "2 of 3 trainings of 800 decisions" in second.stderr
    assert "| local critic | 1 |" in (tmp_path / "results" / "policy-ablation.md").read_text()
    assert not (tmp_path / "untrained" / "seed-0" / "policy.safetensors").exists()
    wrong = subprocess.run([*command, "--arms", "cooperativ"], capture_output=True, text=True, check=False)
    assert wrong.returncode != 0
    assert "did you mean 'cooperative'?" in wrong.stderr
