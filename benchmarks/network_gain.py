"""What sharing can gain on random rounds: each way of sharing against the certified lower bound, in the fluid model.

    python benchmarks/network_gain.py --worlds 200

One full-duplex link that each client could fill. Training times are lognormal, of standard deviation 1 and a median
that is drawn with each world, up to half the time in which the link carries a model to everyone who is trained at the
same time. Three families: stars of 5 to 40 clients with models of one size, chains of 3 to 10 side by side with 2 to 6
visits each, and stars whose models have lognormal sizes. Prints the time over the bound and the share of the possible
gain, (T_fair - T) / (T_fair - bound), and writes every value as JSON. For stars of equal sizes it also
tells how far the plan is from a bound that looks at both directions at once, for which it solves linear programs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, kron

from astraea.network.choice import SHARINGS
from astraea.network.settings import Network
from astraea.network.shapes import chains, star
from astraea.network.sharing import planned
from astraea.network.timing import Round, lay_round, time_of
from astraea.network.transfers import Transfers

MEGABYTE = 1_000_000  # takes a second on the link


def star_world(rng: np.random.Generator) -> Round:
    n = int(rng.integers(5, 41))
    training = rng.uniform(0, 0.5) * n * rng.lognormal(0, 1, n)
    return laid(star(training.tolist(), MEGABYTE))


def chain_world(rng: np.random.Generator) -> Round:
    m, visits = int(rng.integers(3, 11)), int(rng.integers(2, 7))
    training = rng.uniform(0, 0.5) * m * rng.lognormal(0, 1, (m, visits))
    return laid(chains(training.tolist(), MEGABYTE))


def unequal_world(rng: np.random.Generator) -> Round:
    n = int(rng.integers(5, 41))
    training = rng.uniform(0, 0.5) * n * rng.lognormal(0, 1, n)
    sizes = (MEGABYTE * rng.lognormal(0.0, 0.5, n)).astype(int)
    return laid(star(training.tolist(), sizes.tolist()))


FAMILIES: dict[str, Callable[[np.random.Generator], Round]] = {
    "star": star_world,
    "chains": chain_world,
    "star, unequal sizes": unequal_world,
}


def assignment_bound(training: NDArray[np.float64], least: float, most: float) -> float:
    """Return a lower bound on a star's round between ``least`` and ``most``, all in times of one transfer.

    Whatever shares the link, the k-th download to end does so at k or later, so downloads in the order of their ends,
    one after the other, are at least as good; and at m before the end at most m - 1 uploads have yet to become ready.
    Clients are assigned to places in that order, relaxed to fractions: a time is too short if no assignment fits.
    """
    n = len(training)
    ready = training[:, None] + np.arange(1, n + 1)
    ones = np.ones((1, n))
    once = csr_matrix(np.concatenate([kron(np.eye(n), ones).toarray(), kron(ones, np.eye(n)).toarray()]))
    while most - least > 1e-3 * most:
        time = (least + most) / 2
        late = [(ready > time - m + 1e-9).ravel() for m in range(1, n + 1)]
        fits = linprog(
            np.zeros(n * n), csr_matrix(np.array(late, float)), np.arange(n), once, np.ones(2 * n), method="highs"
        )
        least, most = (least, time) if fits.status == 0 else (time, most)
    return least


def laid(transfers: Transfers) -> Round:
    """Return a round on one link of a megabyte a second."""
    site = {"up_mbps": 8, "down_mbps": 8}
    network = Network(server={"up_mbps": 8, "down_mbps": 8}, sites=(site,))
    return lay_round(transfers, network.model_copy(update={"transport": network.transport.plain()}), "cubic")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--worlds", type=int, default=200, help="worlds of each family")
    options.add_argument("--tries", type=int, default=600, help="insertions of the plan")
    options.add_argument("--out", type=Path, help="file for every value, as JSON")
    chosen = options.parse_args()
    every: dict[str, dict[str, list[float]]] = {}
    for number, (family, draw) in enumerate(FAMILIES.items()):
        over: dict[str, list[float]] = {name: [] for name in SHARINGS}
        gained: dict[str, list[float]] = {name: [] for name in SHARINGS}
        apart: list[float] = []
        for seed in range(chosen.worlds):
            world = draw(np.random.default_rng([number, seed]))
            fair = time_of(world).seconds
            for name in SHARINGS:
                way = planned(world.flows, world.times, tries=chosen.tries) if name == "planned" else name
                found = time_of(world, sharing=way)
                over[name].append(found.over_bound)
                if name == "planned" and family == "star":
                    flows = world.flows
                    unit, flight = flows.size[0] / flows.capacities.peak[flows.shared[0, 0]], flows.flight[0]
                    training = (flows.flight[::2] + flows.wait[1::2]) / unit
                    ends = (found.seconds - flight) / unit
                    bound = assignment_bound(training, (found.bound - flight) / unit, ends)
                    apart.append(ends / bound)
                if fair >= 1.3 * found.bound:
                    gained[name].append((fair - found.seconds) / (fair - found.bound))
        every[family] = over
        if apart:
            every[family]["planned, assignment bound"] = apart
        print(
            f"\n{family}, {chosen.worlds} worlds: T / bound, and the share gained where fair sharing is 1.3 x the bound"
        )
        print(f"{'':16}{'median':>8}{'p90':>8}{'p95':>8}{'max':>8} |{'median':>8}{'p5':>8}")
        for name in SHARINGS:
            t = np.quantile(over[name], [0.5, 0.9, 0.95, 1])
            g = np.quantile(gained[name], [0.5, 0.05]) if gained[name] else (np.nan, np.nan)
            print(f"{name:16}" + "".join(f"{x:8.3f}" for x in t) + " |" + "".join(f"{x:8.2f}" for x in g), flush=True)
        if apart:
            told = "".join(f"{x:8.3f}" for x in np.quantile(apart, [0.5, 0.9, 0.95, 1]))
            print(f"{'planned, both ways':16}{told}   time over the bound that looks at both directions at once")
    if chosen.out is not None:
        chosen.out.write_text(json.dumps(every))


if __name__ == "__main__":
    main()
