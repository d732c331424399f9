"""Speed of the environment in flow-steps (decisions of one flow, observed, rewarded and answered) a second.

    python benchmarks/environment.py

For each kind of world it also says how many packets were delivered a second, which is what bounds it when flows
are fast, and what a decision costs when hardly any packet flows, which is what bounds it when they are slow.
On one thread it counts processor time, so that other work on the machine disturbs it little.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from astraea.congestion import VectorEnvironment, WorldRanges, parallel_env

KINDS: dict[str, dict[str, Any]] = {
    "paper: 3 flows, 40-160 Mbit/s, 10-140 ms": {},
    "slow: 10 flows, 2 Mbit/s, 40 ms": {"flows": 10, "bandwidth_mbps": 2, "rtt_ms": 40, "buffer_bdp": 4},
    "many: 50 flows, 100 Mbit/s, 40 ms": {"flows": 50, "bandwidth_mbps": 100, "rtt_ms": 40, "buffer_bdp": 1},
    "fast: 3 flows, 400 Mbit/s, 40 ms": {"flows": 3, "bandwidth_mbps": 400, "rtt_ms": 40, "buffer_bdp": 1},
}


def steered(env: VectorEnvironment) -> np.ndarray:
    """Return actions that steer every flow to five packets in the queue: windows as a trained policy has them."""
    actions: np.ndarray = np.clip(np.log2(1 + 8 * 5) - env.observations[:, :, 0], -1, 1)
    return actions


def vectorised(fields: dict[str, Any], worlds: int, threads: int, seconds: float) -> dict[str, float]:
    """Return flow-steps and delivered packets a second of ``worlds`` worlds, past their start."""
    env = VectorEnvironment(WorldRanges(arrivals="together", duration_s=60, **fields), worlds, threads=threads)
    env.reset()
    for _ in range(200):
        env.step(steered(env))
    rows = env._arena.worlds.flows
    clock = time.process_time if threads == 1 else time.perf_counter
    steps, packets, spent, last = 0, 0, 0.0, rows["delivered"].sum(axis=1)
    while spent < seconds:
        actions = steered(env)
        begun = clock()
        env.step(actions)
        spent += clock() - begun
        now = rows["delivered"].sum(axis=1)
        packets += int(np.where(env.ended, now, now - last).sum())
        last, steps = now, steps + int(env.due.sum())
    env.close()
    return {"flow_steps_per_s": steps / spent, "packets_per_s": packets / spent, "us_per_step": 1e6 * spent / steps}


def single(seconds: float) -> float:
    """Return decisions a second of the PettingZoo form."""
    env = parallel_env()
    env.reset(seed=0)
    decisions, begun = 0, time.process_time()
    while time.process_time() - begun < seconds:
        if not env.agents:
            env.reset()
        _, _, _, _, infos = env.step(dict.fromkeys(env.agents, 0.0))
        decisions += sum(info["due"] for info in infos.values())
    return decisions / seconds


def main() -> None:
    """Measure every kind on one thread and on all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--worlds", type=int, default=64, help="worlds stepped in one call")
    parser.add_argument("--seconds", type=float, default=5.0, help="time for each measurement")
    parser.add_argument("--out", type=Path, default=None, help="folder for environment.json")
    chosen = parser.parse_args()
    results: dict[str, Any] = {"worlds": chosen.worlds}
    for name, fields in KINDS.items():
        for threads in sorted({1, os.cpu_count() or 1}):
            speed = vectorised(fields, chosen.worlds, threads, chosen.seconds)
            results[f"{name}, {threads} threads"] = speed
            print(
                f"{name:44} {threads} threads: {speed['flow_steps_per_s']:10,.0f} flow-steps/s, "
                f"{speed['packets_per_s'] / 1e6:5.2f} M packets/s, {speed['us_per_step']:6.1f} us a step"
            )
    results["PettingZoo"] = single(chosen.seconds)
    print(f"{'PettingZoo, one world':44} 1 thread:  {results['PettingZoo']:10,.0f} flow-steps/s")
    if chosen.out is not None:
        chosen.out.mkdir(parents=True, exist_ok=True)
        (chosen.out / "environment.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
