"""A long run: whether memory, descriptors, threads and processes stay as they are, round after round.

A small federation trains for thousands of rounds on each engine, and over Flower's messages in one process, where a
simulated network says how many hours of operation that is. The first quarter warms up: worker processes take in what
their clients need when they first train. Then each count must stay, and memory may grow by what the run's history is
known to take. It exits with 1 if something grows.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from astraea.federation.loop import Callback, Run
from astraea.files import write_json

ENGINES = ("serial", "processes", "stacked", "flower-messages")
_POINTS = 40
_WARM = 4  # one part of so many warms up
_SLACK_MB = 8.0  # what the allocator keeps now and then
_NETWORK = """
[server]
up_mbps = 1000
down_mbps = 1000
[[sites]]
clients = "*"
up_mbps = 10
down_mbps = 50
delay_ms = 20
step_seconds = 5.0
"""


def counts() -> dict[str, float]:
    """Return resident memory in MB, open descriptors, threads and processes of this process and its children."""
    family, found = [os.getpid()], {"mb": 0.0, "descriptors": 0.0, "threads": 0.0, "processes": 0.0}
    for pid in family:
        tasks = Path(f"/proc/{pid}/task")
        try:
            family += [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
            fields = dict(line.split(":") for line in rollup)
            private = sum(int(fields[key].split()[0]) for key in ("Private_Clean", "Private_Dirty"))
            found["mb"] += private / 1024
            found["descriptors"] += len(os.listdir(f"/proc/{pid}/fd"))
            found["threads"] += len(list(tasks.iterdir()))
            found["processes"] += 1
        except (FileNotFoundError, ProcessLookupError):  # one that ended meanwhile
            continue
    return found


class Watch(Callback):
    """Takes the counts from time to time."""

    def __init__(self, rounds: int) -> None:
        self.every = max(1, rounds // _POINTS)
        self.points: list[dict[str, float]] = []

    def after_round(self, run: Run) -> None:
        """Take them, with the bytes of the history, which is meant to grow."""
        if run.state.round % self.every == 0:
            gc.collect()
            history = len(pickle.dumps(run.history)) / 1e6
            hours = sum(line.get("round_seconds") or 0.0 for line in run.history) / 3600
            self.points.append({"round": float(run.state.round), "history_mb": history, "hours": hours, **counts()})


def soak(engine: str, rounds: int, clients: int, per_round: int) -> list[dict[str, float]]:
    """Train ``rounds`` rounds on ``engine`` and return the points."""
    from astraea.data.objects import as_dataset
    from astraea.experiment.run import run

    rng = np.random.default_rng(0)
    x = rng.normal(size=(20 * clients, 8)).astype(np.float32)  # one step a visit
    dataset = as_dataset((x, (x[:, 0] > 0).astype(np.int64)))
    watch = Watch(rounds)
    settings: dict[str, Any] = {
        "rounds": rounds,
        "scenario": {"clients": clients, "labels": "as-is"},
        "algorithm": {"name": "astraea", "clients_per_round": per_round, "capacity": 2},
        "model": {"name": "mlp", "options": {"hidden": []}},
        "train": {"batch_size": 32, "lr": 0.01},
        "balance": {"rebalancing": "none"},
        "evaluation": {"every": max(1, rounds // 10)},
    }
    if engine == "flower-messages":
        _over_messages(settings, dataset, watch)
    else:
        name = {"name": engine, **({"workers": 2} if engine == "processes" else {})}
        run(dataset=dataset, engine=name, callbacks=[watch], **settings)
    return watch.points


def _over_messages(settings: dict[str, Any], dataset: Any, watch: Watch) -> None:
    from flwr.app import ArrayRecord, Context, MetricRecord

    from astraea.experiment.prepare import prepare
    from astraea.experiment.settings import parse_settings
    from astraea.federation.models import build_model
    from astraea.flower import AstraeaStrategy, InProcessGrid, client_app, initial_arrays

    one = prepare(parse_settings(settings), dataset=dataset)
    scenario, given = one.scenario, one.settings

    def model() -> Any:
        return build_model(given.model, scenario.train.x.shape[1:], one.classes, given.seed)

    def samples(context: Context) -> Any:
        return scenario.train.take(scenario.clients[int(context.node_config["partition-id"])])

    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(_NETWORK)
        file.flush()
        strategy = AstraeaStrategy(
            algorithm=given.algorithm,
            balance=given.balance,
            train=given.train,
            fraction_evaluate=0.0,
            network=Path(file.name),
        )

    def look(number: int, arrays: ArrayRecord) -> MetricRecord | None:
        if number:
            watch.after_round(strategy.run)
        return None

    grid = InProcessGrid(client_app(model, samples, one.classes), len(scenario.clients))
    strategy.start(grid, initial_arrays(model()), given.rounds, evaluate_fn=look)


def grown(points: list[dict[str, float]]) -> list[str]:
    """Return what grew after the first quarter, in words."""
    after = points[len(points) // _WARM :]
    first, last = after[0], after[-1]
    told = [
        f"{name} from {first[name]:.0f} to {last[name]:.0f}"
        for name in ("descriptors", "threads", "processes")
        if last[name] > first[name]
    ]
    # A dictionary in memory takes about four times its pickle.
    allowed = _SLACK_MB + 4 * (last["history_mb"] - first["history_mb"])
    if last["mb"] - first["mb"] > allowed:
        told.append(f"memory by {last['mb'] - first['mb']:.1f} MB, more than {allowed:.1f}")
    return told


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rounds", type=int, default=5_000)
    options.add_argument("--clients", type=int, default=8)
    options.add_argument("--per-round", type=int, default=4)
    options.add_argument("--engines", default=",".join(ENGINES))
    options.add_argument("--out", type=Path, default=Path("bench-results"))
    options.add_argument("--one", action="store_true", help="one engine, in this process")
    given = options.parse_args()
    if given.one:
        print(json.dumps(soak(given.engines, given.rounds, given.clients, given.per_round)))
        return
    failed = False
    for engine in given.engines.split(","):  # each in a process of its own
        sizes = ["--rounds", given.rounds, "--clients", given.clients, "--per-round", given.per_round]
        began = time.monotonic()
        command = [sys.executable, __file__, "--one", "--engines", engine, *map(str, sizes)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        points = json.loads(done.stdout.splitlines()[-1])
        told = grown(points)
        failed = failed or bool(told)
        given.out.mkdir(parents=True, exist_ok=True)
        write_json(given.out / f"soak-{engine}.json", points)
        warm, last = points[len(points) // _WARM], points[-1]
        print(
            f"{engine}: {last['round']:.0f} rounds"
            + (f", {last['hours']:.0f} simulated hours" if last["hours"] else "")
            + f", {time.monotonic() - began:.0f} s; from round {warm['round']:.0f}: "
            f"memory {warm['mb']:.1f} to {last['mb']:.1f} MB (history {last['history_mb']:.1f}), descriptors "
            f"{warm['descriptors']:.0f} to {last['descriptors']:.0f}, threads {warm['threads']:.0f} to "
            f"{last['threads']:.0f}, processes {warm['processes']:.0f} to {last['processes']:.0f}: "
            + ("; ".join(told) or "flat"),
            flush=True,
        )
    sys.exit(failed)


if __name__ == "__main__":
    main()
