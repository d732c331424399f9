"""What sharing gains in packets: real controllers on random rounds, against the bound, fair sharing and other rules.

    python benchmarks/network_packets.py --worlds 60 --kept worlds.jsonl

One full-duplex link of 20 to 100 Mbit/s that each client could fill, round trips of 20 to 100 ms, a buffer of one
bandwidth-delay product, models of 6.6 MB (1.65 M parameters) on kept connections that begin in slow start. Families are
those of ``network_gain.py``. T is a round's time in packets; the bound is that of transfers at the link's full rate,
headers included, plus a round trip a hop. Prints T / bound, and the share of the possible gain over fair sharing under
the same controller, (T_fair - T) / (T_fair - bound), where fair sharing is at least 1.3 times the bound; first the
plan as fluids without slow start. --slow-start says instead by how much slow start alone raises that bound, by
arithmetic and in a second. With --kept, worlds that have been played are not played again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from kept import PACKETS, Kept, source_digest

from astraea.network.bound import alone, lower_bound
from astraea.network.flows import Flows
from astraea.network.fluid.model import Sharing, share
from astraea.network.settings import Network
from astraea.network.shapes import chains, star
from astraea.network.sharing import planned
from astraea.network.timing import Round, lay_round, time_of

MODEL = 6_600_000
WAYS = (
    ("cubic", "fair"),
    ("bbr", "fair"),
    ("policy", "fair"),
    ("mltcp", "fair"),
    ("cubic", "shortest-path"),
    ("cubic", "weighted"),
    ("cubic", "admission"),
    ("cubic", "longest-path"),
    ("cubic", "planned"),
    ("bbr", "planned"),
    ("policy", "planned"),
)


def laid(rng: np.random.Generator, clients: Callable[[float], Any]) -> Round:
    """Return a round on a link that is drawn; ``clients`` makes its transfers from the seconds a model takes on it."""
    mbps, rtt = float(rng.choice([20, 50, 100])), float(rng.choice([20, 50, 100]))
    link = {"up_mbps": mbps, "down_mbps": mbps}
    site = {**link, "delay_ms": rtt / 2}
    network = Network(server=link, sites=(site,), transport={"connections": "kept"})
    return lay_round(clients(MODEL * 8e-6 / mbps), network, "cubic")


def star_world(rng: np.random.Generator) -> Round:
    n = int(rng.integers(5, 41))
    training = rng.uniform(0, 0.5) * n * rng.lognormal(0, 1, n)
    return laid(rng, lambda unit: star((unit * training).tolist(), MODEL))


def chain_world(rng: np.random.Generator) -> Round:
    m, visits = int(rng.integers(3, 11)), int(rng.integers(2, 7))
    training = rng.uniform(0, 0.5) * m * rng.lognormal(0, 1, (m, visits))
    return laid(rng, lambda unit: chains((unit * training).tolist(), MODEL))


def unequal_world(rng: np.random.Generator) -> Round:
    n = int(rng.integers(5, 41))
    training = rng.uniform(0, 0.5) * n * rng.lognormal(0, 1, n)
    sizes = (MODEL * rng.lognormal(0.0, 0.5, n)).astype(int).tolist()
    return laid(rng, lambda unit: star((unit * training).tolist(), sizes))


FAMILIES: dict[str, Callable[[np.random.Generator], Round]] = {
    "star": star_world,
    "chains": chain_world,
    "star, unequal sizes": unequal_world,
}


def bounded(world: Round) -> tuple[Flows, Flows]:
    """Return the flows of a round with a round trip a hop more, and those flows without slow start."""
    flows = world.at_once.flows
    flows = flows._replace(wait=flows.wait + flows.rtt / 2)
    return flows, flows._replace(opening=np.full(len(flows.rtt), np.inf))


def slow_start(family: str, rng: np.random.Generator) -> float:
    """Return the bound with what slow start costs a hop, over the one without."""
    slow, ideal = bounded(FAMILIES[family](rng))
    return lower_bound(slow, alone(slow)) / lower_bound(ideal, alone(ideal))


def played(family: str, rng: np.random.Generator, ways: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Return the time over its bound of a round of the ``family`` under each of ``ways``, and as planned in fluids."""
    world = FAMILIES[family](rng)
    _, ideal = bounded(world)
    times = alone(ideal)
    bound = lower_bound(ideal, times)
    fluid = planned(ideal, times)
    order: dict[str, str | Sharing] = {"planned": fluid}
    over = {"fluid plan": float(share(ideal, fluid).arrived.max()) / bound}
    for controller, way in ways:
        over[f"{controller} {way}"] = time_of(world, controller, "packets", order.get(way, way)).seconds / bound
    return over


def line(name: str, over: Sequence[float], gained: Sequence[float]) -> str:
    """Return a line of the table."""
    told = f"{name:22}" + "".join(f"{x:8.3f}" for x in np.quantile(over, [0.5, 0.9, 0.95, 1])) + " |"
    return told + ("".join(f"{x:8.2f}" for x in np.quantile(gained, [0.5, 0.05])) if gained else "")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--worlds", type=int, default=60, help="worlds of each family")
    options.add_argument("--families", nargs="*", default=list(FAMILIES), choices=list(FAMILIES))
    options.add_argument(
        "--controllers",
        nargs="*",
        default=[],
        choices=sorted({controller for controller, _ in WAYS if controller != "mltcp"}),
        help="play these alone; by default all",
    )
    options.add_argument("--out", type=Path, help="file for every value, as JSON")
    options.add_argument("--kept", type=Path, help="file of worlds that have been played, for going on after a stop")
    options.add_argument("--slow-start", action="store_true", help="say by how much slow start raises the bound")
    chosen = options.parse_args()
    if chosen.slow_start:
        for number, family in enumerate(FAMILIES):
            rngs = [np.random.default_rng([20, number, seed]) for seed in range(chosen.worlds)]
            found = np.quantile([slow_start(family, rng) for rng in rngs], [0.5, 0.95])
            print(f"{family:22}the bound with slow start over the one without: {found[0]:.3f}, 95 %: {found[1]:.3f}")
        return
    kept = Kept(chosen.kept, source_digest(*PACKETS, "network"))
    ways = tuple(way for way in WAYS if not chosen.controllers or way[0] in chosen.controllers)
    some = "".join(f" {controller}" for controller in sorted(chosen.controllers))
    every: dict[str, Any] = {}
    for number, family in enumerate(FAMILIES):
        if family not in chosen.families:
            continue
        over: dict[str, list[float]] = {"fluid plan": [], **{" ".join(way): [] for way in ways}}
        gained: dict[str, list[float]] = {name: [] for name in over}
        for seed in range(chosen.worlds):
            rng = np.random.default_rng([20, number, seed])
            ratio = kept.get(f"{family} {seed}{some}", partial(played, family, rng, ways))
            over["fluid plan"].append(ratio["fluid plan"])
            for controller, way in ways:
                took = ratio[f"{controller} {way}"]
                fair = ratio["cubic fair" if controller == "mltcp" else f"{controller} fair"]
                over[f"{controller} {way}"].append(took)
                if (way != "fair" or controller == "mltcp") and fair >= 1.3:
                    gained[f"{controller} {way}"].append((fair - took) / (fair - 1))
        every[family] = {"over": over, "gained": gained}
        print(f"\n{family}, {chosen.worlds} worlds: T / bound, and the share gained over fair sharing (mltcp: CUBIC's)")
        print(f"{'':22}{'median':>8}{'p90':>8}{'p95':>8}{'max':>8} |{'median':>8}{'p5':>8}")
        for name in over:
            print(line(name, over[name], gained[name]), flush=True)
    if chosen.out is not None:
        chosen.out.write_text(json.dumps(every))


if __name__ == "__main__":
    main()
