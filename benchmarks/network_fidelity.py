"""How far the fluid model is from the packets: the error of a round's time over random rounds, per controller.

    python benchmarks/network_fidelity.py --rounds 100 --kept rounds.jsonl

Stars and chains of 2 to 12 clients with models of 0.5 to 2 MB, behind own links that ask for less than the server's
carries, near 4 times or 10 times as much (ω). Two numbers of each controller are fitted first, on rounds that have no
seed, rate or round-trip time in common with those that are judged: the share of a link that it fills, and how fast a
window grows again that others have held back; of the policy also the share of links of its own, and what the end of
slow start costs. --keep judges what ships instead.

With --phases N every round is also run N times in packets with each start put off by up to 10 ms, drawn anew for each
transfer. The fluid model is then judged against the mean of these, and so is a single run in packets, by the mean of
the others: what is left of its error is luck, which no model can tell that does not repeat the packets.

With --megabytes models are of other sizes: the time of larger ones in packets is less a matter of luck.

With --kept, what packets took is kept in a file, and rounds that it has are not played again.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from kept import PACKETS, Kept, source_digest
from numpy.typing import NDArray

from astraea.network.bound import alone
from astraea.network.flows import flows_of
from astraea.network.layout import lay_out
from astraea.network.profiles import Profile
from astraea.network.settings import Network
from astraea.network.shapes import chains
from astraea.network.timing import Round, lay_round, time_of

CONTROLLERS = ("cubic", "newreno", "bbr", "bbr3", "copa", "policy")


ROUNDS = tuple(f"network/{file}.py" for file in ("packets", "flows", "layout", "capacities", "shapes", "transfers"))
"""What decides a round in packets, beside packets."""


class Draw(NamedTuple):
    """Rates of the server's link in Mbit/s, round-trip times in ms, and a seed."""

    rates: tuple[float, ...]
    rtts: tuple[float, ...]
    seed: int


FITTED = Draw((30.0, 75.0), (24.0, 70.0), 1)
JUDGED = Draw((20.0, 50.0, 100.0), (16.0, 40.0, 100.0), 2)
OMEGAS = {"ω < 1": 0.7, "ω near 4": 4.0, "ω ≥ 10": 12.0}
EFFICIENCIES = np.arange(0.86, 1.0001, 0.01)
SETTLINGS = (0.0, 1.4, 2.8, 4.2, 5.6, 7.0)
RECOVERIES = (1.005, 1.01, 1.02, 1.05, 1.1, 1.2, 1.5, np.inf)


SIZES = (0.5, 2.0)
"""Models in MB, the least and the most."""


def drawn(number: int, draw: Draw, sizes: Sequence[float] = SIZES) -> tuple[str, Round]:
    """Return a random round with models of ``sizes`` in MB, and its class of ω."""
    rng = np.random.default_rng([draw.seed, number])
    name = list(OMEGAS)[number % len(OMEGAS)]
    count, visits = int(rng.integers(2, 7)), int(rng.integers(1, 3))
    clients = count * visits
    server = float(rng.choice(draw.rates))
    own = server * OMEGAS[name] / clients
    site = {"up_mbps": own, "down_mbps": own, "delay_ms": float(rng.choice(draw.rtts)) / 2, "rate_spread": 0.2}
    network = Network(server={"up_mbps": server, "down_mbps": server}, sites=(site,), seed=number)
    training = rng.lognormal(-1.0, 0.8, (count, visits)).tolist()
    model = int(rng.integers(round(1e6 * sizes[0]), round(1e6 * sizes[1])))
    return name, lay_round(chains(training, model), network, "cubic")


def with_profile(laid: Round, profile: Profile) -> Round:
    layout = lay_out(laid.layout.network, laid.layout.clients, profile.efficiency, own=profile.own)
    flows = flows_of(laid.transfers, layout)
    return replace(laid, layout=layout, flows=flows, times=alone(flows, profile.growth), profile=profile)


def errors(rounds: Sequence[Round], packets: Sequence[float], profile: Profile) -> NDArray[np.float64]:
    """Return the fluid model's relative error of each round's time."""
    fluid = [time_of(with_profile(laid, profile)).seconds for laid in rounds]
    off: NDArray[np.float64] = np.array(fluid) / np.array(packets) - 1.0
    return off


def sent(laid: Round, controller: str) -> float:
    """Return the round's time in packets."""
    return time_of(laid, controller, "packets").seconds


def jittered(laid: Round, controller: str, number: int) -> float:
    """Return the round's time in packets with every start put off by up to 10 ms."""
    transfers = laid.transfers
    late = np.random.default_rng(number).uniform(0, 0.01, len(transfers.delay))
    moved = lay_round(transfers._replace(delay=transfers.delay + late), laid.layout.network, controller)
    return time_of(moved, controller, "packets").seconds


def spread(off: NDArray[np.float64]) -> float:
    """Return what a fit makes small: the median error and a quarter of the 95th percentile."""
    return float(np.median(np.abs(off)) + np.quantile(np.abs(off), 0.95) / 4)


def fit(profile: Profile, rounds: Sequence[Round], packets: Sequence[float]) -> Profile:
    """Return ``profile`` with the numbers that suit ``rounds`` best.

    They are the share of links and the growth; where a controller fills its own links otherwise, or pays for the end of
    slow start, these in turn with the others, three times.
    """

    def best(tried: Sequence[Profile]) -> Profile:
        return min(tried, key=lambda one: spread(errors(rounds, packets, one)))

    for _ in range(1 if profile.own is None else 3):
        profile = best([replace(profile, efficiency=float(e), recovery=r) for e in EFFICIENCIES for r in RECOVERIES])
        if profile.own is not None:
            profile = best([replace(profile, own=float(own), settling=s) for own in EFFICIENCIES for s in SETTLINGS])
    return profile


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=100, help="rounds that are judged")
    options.add_argument("--fit", type=int, default=30, help="rounds on which the efficiency is fitted")
    options.add_argument("--keep", action="store_true", help="judge the efficiencies that ship")
    options.add_argument("--phases", type=int, default=0, help="runs in packets with moved starts, for a mean")
    options.add_argument("--controllers", nargs="*", default=CONTROLLERS)
    options.add_argument("--megabytes", type=float, nargs=2, default=SIZES, help="least and most size of a model")
    options.add_argument("--kept", type=Path, help="file of what packets took, for going on after a stop")
    chosen = options.parse_args()
    kept = Kept(chosen.kept, source_digest(*PACKETS, *ROUNDS))
    judged = [drawn(number, JUDGED, chosen.megabytes) for number in range(chosen.rounds)]
    fitted = [drawn(number, FITTED, chosen.megabytes)[1] for number in range(chosen.fit)]
    of = "" if tuple(chosen.megabytes) == SIZES else " of {:g} to {:g} MB".format(*chosen.megabytes)
    classes = np.array([name for name, _ in judged])
    print(
        f"error of a round's time, {chosen.rounds} rounds: median and 95th percentile of its size in %, mean with sign"
    )
    print(
        f"{'':10}{'efficiency':>11}{'own':>6}{'recovery':>9}{'settling':>9}{'all':>16}{'mean':>8}"
        + "".join(f"{name:>16}" for name in OMEGAS)
    )
    for controller in chosen.controllers:
        profile = lay_round(judged[0][1].transfers, judged[0][1].layout.network, controller).profile
        if not chosen.keep:
            seen = [
                kept.get(f"{controller} fitted {k}{of}", partial(sent, laid, controller))
                for k, laid in enumerate(fitted)
            ]
            profile = fit(profile, fitted, seen)
        packets = [
            kept.get(f"{controller} judged {k}{of}", partial(sent, laid, controller))
            for k, (_, laid) in enumerate(judged)
        ]
        off = 100 * errors([laid for _, laid in judged], packets, profile)

        def both(values: Any) -> str:
            return f"{np.median(np.abs(values)):8.1f}{np.quantile(np.abs(values), 0.95):8.1f}"

        print(
            f"{controller:10}{profile.efficiency:11.2f}{profile.own or profile.efficiency:6.2f}{profile.recovery:9.3f}"
            f"{profile.settling:9.1f}{both(off)}{off.mean():8.1f}"
            + "".join(both(off[classes == name]) for name in OMEGAS),
            flush=True,
        )
        if chosen.phases > 1:
            count = chosen.phases
            runs = np.array(
                [
                    [
                        kept.get(f"{controller} judged {k}{of} phase {n}", partial(jittered, laid, controller, n))
                        for n in range(count)
                    ]
                    for k, (_, laid) in enumerate(judged)
                ]
            )
            means = runs.mean(axis=1)
            others = (runs.sum(axis=1, keepdims=True) - runs) / (count - 1)
            off = 100 * errors([laid for _, laid in judged], means.tolist(), profile)
            luck = 100 * (runs / others - 1.0)
            for name, found in (("to their mean", off), ("a run to the others", luck)):
                parts = "".join(both(found[classes == kind].ravel()) for kind in OMEGAS)
                print(f"  {name:43}{both(found.ravel())}{found.mean():8.1f}{parts}", flush=True)


if __name__ == "__main__":
    main()
