"""How soon a flow of weight 8 has its share: one that joins up to nine of weight 1, under each controller with weights.

    python benchmarks/network_weight.py --worlds 40

Links of 10 to 100 Mbit/s with a buffer of one bandwidth-delay product, round trips of 10 to 100 ms, such that a flow of
weight 1 has at least four packets. Others have run for five seconds when the heavy one starts. Its goodput between
max(20 round trips, 2 s) and twice that after its start is told over its weighted share, 8 / (n + 7) of the link; below
0.8 is too little.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from astraea.congestion import dumbbell, simulate

WEIGHT, BEFORE_S, ENOUGH, LEAST = 8.0, 5.0, 0.8, 4


def share_of(rng: np.random.Generator, controller: str) -> float:
    """Return the heavy flow's goodput over its weighted share in a world that is drawn."""
    while True:
        flows, mbps = int(rng.integers(2, 11)), float(rng.choice([10, 20, 50, 100]))
        rtt = float(rng.choice([10, 20, 50, 100]))
        if mbps * 1e3 * rtt / 8 / 1500 >= LEAST * (flows + WEIGHT - 1):
            break
    due = max(20 * rtt * 1e-3, 2.0)
    others: list[dict[str, Any]] = [
        {"controller": controller, "start_s": float(rng.uniform(0, 0.5))} for _ in range(flows - 1)
    ]
    heavy = {"controller": controller, "parameter": WEIGHT, "start_s": BEFORE_S}
    world = dumbbell(
        [heavy, *others],
        capacity_mbps=mbps,
        rtt_ms=rtt,
        buffer_bdp=1.0,
        duration_s=BEFORE_S + 2 * due,
        sample_ms=100,
        seed=int(rng.integers(1 << 30)),
    )
    seen = simulate(world)
    late = seen.times_s > BEFORE_S + due + 1e-9
    return float(seen.goodput_mbps[0, late].mean() / (mbps * WEIGHT / (flows + WEIGHT - 1)))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--worlds", type=int, default=40)
    options.add_argument("--controllers", nargs="*", default=["cubic", "newreno", "policy"])
    chosen = options.parse_args()
    print(f"{'':10}{'p5':>8}{'p25':>8}{'median':>8}{'p95':>8}   worlds with at least {ENOUGH} of the share")
    for controller in chosen.controllers:
        found = np.array([share_of(np.random.default_rng([8, seed]), controller) for seed in range(chosen.worlds)])
        told = "".join(f"{x:8.2f}" for x in np.quantile(found, [0.05, 0.25, 0.5, 0.95]))
        print(f"{controller:10}{told}   {(found >= ENOUGH).sum()} of {chosen.worlds}", flush=True)


if __name__ == "__main__":
    main()
