"""SimGrid as an outside judge: when each transfer of random rounds ends, in its flow-level model and in ours.

    apt-get install python3-simgrid
    python benchmarks/network_simgrid.py --python /usr/bin/python3

SimGrid's own model is made plain max-min: factors 1, no cross-traffic, no weights by latency, no window, and links
without latency (delays are added outside). It prints the largest relative difference over all transfers of all worlds
and fails above 1e-6. Worlds are stars and chains behind cells, half-duplex ones among them, with lognormal training.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TOLERANCE = 1e-6
PLAIN = (
    "network/model:CM02",
    "network/bandwidth-factor:1",
    "network/latency-factor:1",
    "network/crosstraffic:0",
    "network/weight-S:0",
    "network/TCP-gamma:0",
    "maxmin/precision:1e-12",
    "surf/precision:1e-12",
    "contexts/factory:thread",
)


def judged(problem: dict[str, Any]) -> list[float]:
    """Return when each transfer ends in SimGrid; runs in the interpreter that has it."""
    import simgrid

    engine = simgrid.Engine(["judge", *(f"--cfg={setting}" for setting in PLAIN), "--log=root.thres:critical"])
    zone = simgrid.NetZone.create_full_zone("world")
    links = [zone.create_link(f"link-{j}", capacity) for j, capacity in enumerate(problem["capacities"])]
    for link in links:
        link.set_latency(0)
        link.seal()
    ends = []
    for i, path in enumerate(problem["paths"]):
        source, target = zone.create_host(f"s{i}", 1e9), zone.create_host(f"t{i}", 1e9)
        route = [simgrid.LinkInRoute(links[j]) for j in path]
        zone.add_route(source.netpoint, target.netpoint, None, None, route, False)
        ends.append((source, target))
    zone.seal()
    ended = [0.0] * len(ends)
    following: dict[int, list[int]] = {}
    for i, before in enumerate(problem["after"]):
        following.setdefault(before, []).append(i)

    def send(i: int) -> None:
        source, target = ends[i]
        simgrid.this_actor.sleep_for(problem["wait"][i])
        simgrid.Comm.sendto(source, target, problem["size"][i])
        ended[i] = simgrid.Engine.clock
        simgrid.this_actor.sleep_for(problem["flight"][i])
        for k in following.get(i, []):
            simgrid.Actor.create(f"a{k}", ends[k][0], send, k)

    for i in following[-1]:
        simgrid.Actor.create(f"a{i}", ends[i][0], send, i)
    engine.run()
    return ended


def world(seed: int) -> Any:
    """Return the flows of a random round."""
    import numpy as np

    from astraea.network.flows import flows_of
    from astraea.network.layout import lay_out
    from astraea.network.settings import Network
    from astraea.network.shapes import chains

    rng = np.random.default_rng(seed)
    count, visits = int(rng.integers(2, 25)), int(rng.integers(1, 4))
    training = rng.lognormal(1.0, 1.0, (count, visits)).tolist()
    own = float(rng.choice([2.0, 8.0, 40.0]))
    cells = tuple(
        {"name": f"cell-{j}", "up_mbps": 20, "down_mbps": 20, "half_duplex": bool(rng.integers(2))}
        for j in range(int(rng.integers(0, 4)))
    )
    site = {"up_mbps": own, "down_mbps": 2 * own, "delay_ms": 20, "rate_spread": 0.6}
    network = Network(
        server={"up_mbps": 100, "down_mbps": float(rng.choice([20, 50, 100]))},
        links=cells,
        sites=(site, *({**site, "link": cell["name"]} for cell in cells)),
        seed=seed,
    )
    network = network.model_copy(update={"transport": network.transport.plain()})
    sizes = rng.integers(100_000, 8_000_000, count).tolist()
    return flows_of(chains(training, sizes), lay_out(network, range(count * visits)))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--python", default="/usr/bin/python3", help="interpreter that has SimGrid")
    options.add_argument("--worlds", type=int, default=40)
    options.add_argument("--judge", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.judge:
        print(json.dumps(judged(json.load(sys.stdin))))
        return

    import numpy as np

    from astraea.network.fluid.model import share

    worst = 0.0
    transfers = 0
    for seed in range(chosen.worlds):
        flows = world(seed)
        paths = [
            [int(j) for j in (*mine, *shared) if j >= 0]
            for mine, shared in zip(flows.private, flows.shared, strict=True)
        ]
        problem = {
            "capacities": flows.capacities.peak.tolist(),
            "paths": paths,
            "after": flows.after.tolist(),
            "wait": flows.wait.tolist(),
            "flight": flows.flight.tolist(),
            "size": flows.size.astype(int).tolist(),
        }
        command = [chosen.python, str(Path(__file__)), "--judge"]
        judge = subprocess.run(command, input=json.dumps(problem), capture_output=True, text=True, check=False)
        if judge.returncode:
            sys.exit(f"SimGrid did not run: {judge.stderr.strip()[:1500]}")
        theirs = np.array(json.loads(judge.stdout.strip().splitlines()[-1]))
        ours = share(flows).sent
        worst = max(worst, float(np.max(np.abs(ours - theirs) / theirs)))
        transfers += len(ours)
    print(f"{chosen.worlds} worlds, {transfers} transfers: largest relative difference {worst:.2e}")
    if worst > TOLERANCE:
        sys.exit(1)


if __name__ == "__main__":
    main()
