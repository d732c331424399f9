"""How long large rounds take to time: 1,000 clients as fluids and in packets, and 131,072 clients as fluids.

    python benchmarks/network_size.py

A star on the network that ships as cross-device, models of 6.6 MB (1.65 M parameters), lognormal training, CUBIC.
Prints processor seconds of one core, the round laid out and all that is compiled already compiled.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from astraea.network import round_time
from astraea.network.files import load_network
from astraea.network.shapes import star
from astraea.network.timing import Fidelity, RoundTime

MODEL = 6_600_000
CASES: tuple[tuple[Fidelity, int, float], ...] = (
    ("fluid", 1_000, 1.0),
    ("packets", 1_000, 20.0),
    ("fluid", 131_072, 60.0),
)
"""Fidelity, clients, and the seconds that were asked for."""


def timed(work: Callable[[], RoundTime]) -> tuple[float, RoundTime]:
    """Return the processor seconds that ``work`` takes, and what it returns."""
    begun = time.process_time()
    found = work()
    return time.process_time() - begun, found


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--network", default="cross-device", help="network by name, or a TOML file")
    options.add_argument("--congestion", default="cubic", help="controller")
    chosen = options.parse_args()
    network = load_network(chosen.network)
    round_time(star([1.0] * 4, 100_000), network, chosen.congestion, "packets")  # compiles
    round_time(star([1.0] * 4, 100_000), network, chosen.congestion)
    for fidelity, clients, asked in CASES:
        transfers = star(np.random.default_rng(clients).lognormal(2.5, 0.7, clients).tolist(), MODEL)
        seconds, found = timed(lambda: round_time(transfers, network, chosen.congestion, fidelity))  # noqa: B023
        print(
            f"{clients:9,} clients, {fidelity:8} {seconds:7.2f} s of one core ({asked:g} asked); "
            f"the round takes {found.seconds:,.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
