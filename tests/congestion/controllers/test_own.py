"""A user's own controller: named, by import path and as an object, after a first simulation, and in other processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent

SCRIPT = """
import json
from astraea.congestion import check_controller, dumbbell, simulate
from astraea.congestion.evaluation.arms import Arm, digest_of
from astraea.congestion.race import race_world
from astraea.workers import worker_pool

def told(*flows):
    fields = {"jitter_ms": 0.5}
    flows = [{"controller": flow, "start_s": 0.3 * i, **fields} for i, flow in enumerate(flows)]
    return dumbbell(flows, capacity_mbps=2, rtt_ms=40, duration_s=3)

before = simulate(told("newreno", "cubic")).delivered.tolist()
from own import Own
alone = [simulate(told(flow)).delivered.tolist() for flow in
         ("own", Own, Own(increase=1.0), {"name": "own", "increase": 1.0}, Own(increase=4.0))]
raced = race_world(["own,increase=4,rtt_ms=50", "own:Own"], capacity_mbps=2, rtt_ms=40, duration_s=3)

class Here(Own, name="here"):
    "One that the script itself holds."

with worker_pool(2) as pool:
    jobs = [pool.submit(simulate, told(flow)) for flow in ("newreno", Own(increase=4.0), Here())]
    sent = [job.result().delivered.tolist() for job in jobs]
check_controller("own", events=200)
print(json.dumps({
    "before": before,
    "after": simulate(told("newreno", "cubic")).delivered.tolist(),
    "alone": alone,
    "raced": [[flow.controller.increase, flow.rtt_ms] for flow in raced.flows],
    "own flows": len(simulate(raced).delivered),
    "sent": sent,
    "newreno": simulate(told("newreno")).delivered.tolist(),
    "digests": [digest_of(Arm(name, name), None) for name in ("own", "cubic")],
}))
"""


def found(script: str, tmp_path: Path, *, interpreted: bool = True) -> subprocess.CompletedProcess[str]:
    """Run ``script``; interpreted, since each set of controllers is compiled anew, in each process that has none."""
    file = tmp_path / "script.py"
    file.write_text(script, encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]), "NUMBA_DISABLE_JIT": "01"[interpreted]}
    return subprocess.run([sys.executable, str(file)], capture_output=True, text=True, env=env)


def test_it_plays_wherever_the_packages_own_do(tmp_path: Path) -> None:
    shown = found(SCRIPT, tmp_path)
    assert shown.returncode == 0, shown.stderr
    told = json.loads(shown.stdout)
    assert told["before"] == told["after"]  # who else is registered changes nothing
    named, as_class, as_object, as_table, faster = told["alone"]
    assert named == as_class == as_object == as_table
    assert faster != named
    assert told["raced"] == [[4.0, 50.0], [1.0, 40.0]]
    assert told["own flows"] == 2
    assert told["sent"] == [told["newreno"], faster, named]
    assert len(told["digests"][0]) == 16
    assert told["digests"][1] == ""


CACHED = """
import json
from astraea.congestion import dumbbell, simulate
from astraea.congestion.simulator.loop import advance

def delivered(name):
    return simulate(dumbbell([{"controller": name}], capacity_mbps=2, rtt_ms=40, duration_s=2)).delivered.tolist()

cubic = delivered("cubic")
import own
found = {"own": delivered("own"), "cubic": [cubic, delivered("cubic")]}
if hasattr(advance, "stats"):
    found["compiled"] = sum(advance.stats.cache_misses.values())
print(json.dumps(found))
"""


@pytest.mark.compiled
@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="interpreted code has no cache")
def test_it_is_compiled_once_and_beside_the_packages_own(tmp_path: Path) -> None:
    first, second, interpreted = (
        json.loads(found(CACHED, tmp_path, interpreted=how).stdout) for how in (False, False, True)
    )
    assert second.pop("compiled") == 0  # neither of the two sets
    assert first.pop("compiled") <= 2
    assert first == second == interpreted


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("state = type('State', (), {'__annotations__': {'mean': float}})", "cannot call a field 'mean'"),
        ("name = 'x'; simulate(dumbbell([{'controller': {'name': 'own', 'increas': 1}}]))", "did you mean 'increase'"),
        ("simulate(dumbbell([{'controller': {'name': 'own', 'decrease': 2}}]))", "less than 1"),
    ],
)
def test_mistakes_are_told_in_a_sentence(change: str, sentence: str, tmp_path: Path) -> None:
    script = f"""
from astraea.congestion import dumbbell, simulate
from own import Own

class Mine(Own, name="mine"):
    {change}

simulate(dumbbell([{{"controller": "mine"}}], duration_s=0.1))
"""
    shown = found(script, tmp_path)
    assert shown.returncode != 0
    assert sentence in shown.stderr.splitlines()[-1]


def test_the_page_shows_this_very_file() -> None:
    page = (HERE.parents[2] / "docs" / "how-to" / "own-controller.md").read_text(encoding="utf-8")
    shown = page.split("```python\n")[1].split("```")[0]
    text = (HERE / "own.py").read_text(encoding="utf-8")
    assert text.endswith(shown[shown.index("from typing") :])


def test_the_command_takes_an_import_path(tmp_path: Path) -> None:
    words = ["congestion", "race", "own:Own,increase=2", "newreno", "-b", "1", "-t", "1.5", "--json"]
    script = f"import sys; sys.argv[1:] = {words!r}; from astraea.cli import main; main()"
    shown = found(script, tmp_path)
    assert shown.returncode == 0, shown.stderr
    flows = json.loads(shown.stdout)["settings"]["flows"]
    assert [flow["controller"] for flow in flows] == [{"name": "own", "increase": 2.0, "decrease": 0.5}, "newreno"]
