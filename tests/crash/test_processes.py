"""Real processes that are killed or asked to end: what the next one makes of their folder, and who is left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from astraea.files import lock

pytestmark = pytest.mark.slow

_FEDERATION = (
    *("--set", "data.name=digits", "--set", "scenario.clients=8", "--set", "scenario.samples=400"),
    *("--set", "algorithm.clients_per_round=8", "--set", "output.checkpoint_every=1000"),
)
RUN = ("run", *_FEDERATION, "--set", "rounds=100000", "--engine", "processes")
COMPARE = ("compare", *_FEDERATION, "--set", "rounds=100000", "--match-rounds", "--jobs", "2", "--seeds", "1")
COMMANDS = {
    "run": (RUN, "metrics.jsonl"),
    "compare": (COMPARE, "*/seed-0/metrics.jsonl"),
    "train": (("congestion", "train", "--recipe", "law", "--generations", "1000", "--jobs", "1"), "settings.json"),
    "train-quick": (("congestion", "train", "--recipe", "quick", "--jobs", "1"), "metrics.jsonl"),
    "evaluate": (
        ("congestion", "evaluate", "loss", "--arms", "cubic,newreno,vegas,bbr,policy", "--jobs", "2"),
        "outcomes.jsonl",
    ),
}
FLOWER = """
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
import test_writes

test_writes.SETTINGS = test_writes.SETTINGS.model_copy(update={"rounds": 40})
test_writes.a_flower_run(Path(sys.argv[2]))
print(test_writes.flower_results[Path(sys.argv[2])])
"""


def ended(kind: str, out: Path, number: int, *more: str) -> tuple[int, str]:
    """Send ``number`` to the command's first process when it has begun to write, and wait until all its are gone.

    One that goes on with ``more`` has begun when it holds the folder.
    """
    command, file = COMMANDS[kind]
    line = [sys.executable, "-m", "astraea", *command, "--out", str(out), *more]

    def begun() -> bool:
        holder = out / ".lock-holder"
        return holder.is_file() and f"process {process.pid} " in holder.read_text()

    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 300
        while not (begun() if more else any(out.glob(file))) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(number)
        assert process.stderr is not None
        told = process.stderr.read()  # it ends when the last process that holds it does
        return process.wait(), told


def left_behind(before: set[str]) -> set[str]:
    """Return new regions of shared memory that no living process has mapped; other programs make some as well."""
    for _ in range(100):
        found = set(os.listdir("/dev/shm")) - before
        if not found:
            break
        for maps in Path("/proc").glob("[0-9]*/maps"):
            with suppress(OSError):
                text = maps.read_text()
                found = {name for name in found if f"/dev/shm/{name}" not in text}
        if not found:
            break
        time.sleep(0.1)  # somebody may be just making one
    return found & set(os.listdir("/dev/shm"))


@pytest.mark.parametrize("kind", COMMANDS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end(kind: str, number: signal.Signals, tmp_path: Path) -> None:
    regions = set(os.listdir("/dev/shm"))
    code, told = ended(kind, tmp_path / "out", number)
    assert code == 128 + number, told
    assert f"astraea: interrupted by {number.name}; go on with: " in told
    assert "Traceback" not in told
    assert not left_behind(regions)
    with lock(tmp_path / "out"):
        assert not [left for left in (tmp_path / "out").rglob("*.partial") if left.is_file()]
    for metrics in (tmp_path / "out").rglob("metrics.jsonl"):
        rounds = len(metrics.read_text().splitlines())
        if rounds and kind in ("run", "compare"):  # it may have been asked before its first round had ended
            assert (metrics.parent / "checkpoint" / f"round-{rounds:06d}.safetensors").is_file()
        if rounds and kind == "train-quick":
            assert (metrics.parent / "checkpoint.safetensors").is_file()


@pytest.mark.parametrize("kind", COMMANDS)
def test_killed(kind: str, tmp_path: Path) -> None:
    regions = set(os.listdir("/dev/shm"))
    out = tmp_path / "out"
    resume = ("--data-dir", str(tmp_path)) if kind in ("compare", "evaluate") else ("--resume",)
    code, _ = ended(kind, out, signal.SIGKILL)
    assert code == -signal.SIGKILL
    code, told = ended(kind, out, signal.SIGTERM, *resume)  # goes on, and is then asked to end
    assert code == 128 + signal.SIGTERM, told
    assert not left_behind(regions)
    for lines in out.rglob("*.jsonl"):
        for line in lines.read_text().splitlines():
            json.loads(line)


def test_a_killed_flower_run_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    pytest.importorskip("flwr", reason="needs the extra astraea[flower]")

    def line(folder: str) -> list[str]:
        return [sys.executable, "-c", FLOWER, str(Path(__file__).parent), str(tmp_path / folder)]

    whole = subprocess.run(line("whole"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    with subprocess.Popen(line("killed"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        deadline = time.monotonic() + 300
        while not (made := list((tmp_path / "killed").rglob("round-*.safetensors"))) and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -signal.SIGKILL, "it had ended before it was killed"
    assert made
    resumed = subprocess.run(line("killed"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    assert whole.stdout
    assert resumed.stdout == whole.stdout
