"""Contenders take turns on one machine: what disturbs one disturbs all, and ratios hold where times do not."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass
class Contender:
    """A module of ``contenders`` and its configuration; ``peer`` runs under the interpreter that has the peers."""

    name: str
    module: str
    config: dict[str, Any]
    peer: bool = False
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Score:
    """What a contender reported, turn by turn; ``setup`` is the time until it was ready."""

    setup: float
    turns: list[dict[str, Any]]

    @property
    def seconds(self) -> float:
        """Median seconds of a turn; the first one warms up and is left out."""
        return float(statistics.median(turn["seconds"] for turn in self.turns[1:]))


def arguments(description: str, **defaults: Any) -> argparse.Namespace:
    """Return the command line of a benchmark: where peers are, how often to measure, where to write."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--peers", default=sys.executable, help="Python interpreter with the extra 'bench' installed")
    parser.add_argument("--turns", type=int, default=defaults.pop("turns", 7), help="turns of each, the first left out")
    parser.add_argument("--out", type=Path, default=Path("bench-results"), help="folder for JSON and plots")
    for name, (value, text) in defaults.items():
        if isinstance(value, bool):
            parser.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=text)
        else:
            parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value, help=text)
    return parser.parse_args()


def contend(contenders: list[Contender], turns: int, peers: str) -> dict[str, Score]:
    """Let the contenders work in turn, ``turns`` times each; one that cannot start is left out, and said so."""
    seats: dict[str, tuple[subprocess.Popen[str], Score]] = {}
    for contender in contenders:
        command = [peers if contender.peer else sys.executable, str(HERE / "seat.py"), contender.module]
        began = time.perf_counter()
        process = subprocess.Popen(
            [*command, json.dumps(contender.config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("BENCH_DEBUG") else subprocess.DEVNULL,
            text=True,
            env=os.environ | contender.environment,
        )
        assert process.stdout is not None
        if not process.stdout.readline():
            print(f"{contender.name}: cannot start, left out (BENCH_DEBUG=1 shows why)", file=sys.stderr)
            process.wait()
            continue
        seats[contender.name] = (process, Score(time.perf_counter() - began, []))
    for _ in range(turns):
        for name, (process, score) in seats.items():
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("go\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"{name} ended in the middle of its work (BENCH_DEBUG=1 shows why)")
            score.turns.append(json.loads(line))
    for process, _ in seats.values():
        assert process.stdin is not None
        process.stdin.close()
    for process, _ in seats.values():
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
    return {name: score for name, (_, score) in seats.items()}


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load": os.getloadavg(),
        "system": platform.platform(),
        "processor": next(
            (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.processor()
        ),
        "python": platform.python_version(),
        "time": time.strftime("%Y-%m-%d %H:%M:%S"),
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def ratios(scores: dict[str, Score], reference: str) -> dict[str, float]:
    """Return the median, over turns, of each contender's time relative to the reference's in the same turn."""
    base = [turn["seconds"] for turn in scores[reference].turns[1:]]
    return {
        name: statistics.median(turn["seconds"] / other for turn, other in zip(score.turns[1:], base, strict=True))
        for name, score in scores.items()
    }


def write(out: Path, name: str, results: Any) -> None:
    """Write ``results`` and the machine they were measured on as JSON."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{name}.json"
    path.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")
    print(f"written to {path}")


def bars(out: Path, name: str, groups: dict[str, dict[str, float]], ylabel: str) -> None:
    """Draw one group of bars for each case, on a logarithmic scale."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    series = list(dict.fromkeys(key for group in groups.values() for key in group))
    figure, axes = plt.subplots(figsize=(1.5 + 2.2 * len(groups), 4), layout="constrained")
    width = 0.8 / len(series)
    for number, key in enumerate(series):
        places = [
            case + (number - (len(series) - 1) / 2) * width
            for case, group in enumerate(groups.values())
            if key in group
        ]
        drawn = axes.bar(places, [group[key] for group in groups.values() if key in group], width, label=key)
        axes.bar_label(drawn, fmt="%.3g", fontsize=7)
    axes.set_xticks(range(len(groups)), list(groups))
    axes.set_yscale("log")
    axes.set_ylabel(ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False)
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / f"{name}.png", dpi=150)
    plt.close(figure)
