"""Draws the pictures of the gallery, each as SVG and PNG: ``python docs/gallery.py [FOLDER]``. Takes some minutes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import astraea
from astraea.balance import schedule_mediators
from astraea.congestion import dumbbell, simulate
from astraea.experiment.cost import round_costs
from astraea.figures import write_figure
from astraea.network.files import load_network
from astraea.report.congestion.race import race_figure
from astraea.report.mediators import mediators_figure
from astraea.report.network import network_figure, round_figure
from astraea.report.scenario import scenario_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PICTURES", "draw"]


def _scenario() -> astraea.Scenario:
    data = astraea.load_dataset("digits")
    return astraea.build_scenario(data, clients=20, labels="half-normal", skew={"name": "dirichlet", "beta": 0.3})


def who_holds_what() -> Figure:
    """Return who holds what in a scenario of twenty clients."""
    return scenario_figure(_scenario())


def mediators() -> Figure:
    """Return how four mediators pool these clients."""
    scenario = _scenario()
    chains = schedule_mediators(scenario.histograms, 5)
    return mediators_figure(scenario.histograms, chains, scenario.class_names)


def comparison() -> Figure:
    """Return FedAvg beside Astraea on these clients, two seeds each."""
    return astraea.compare("fedavg,astraea", scenario=_scenario(), rounds=30, seeds=2).figure()


def federation() -> Figure:
    """Return the sites and links of a network that ships."""
    return network_figure(load_network("edge"), 100)


def network_round() -> Figure:
    """Return a round of Astraea there, in chains of five."""
    chains = {"scenario": {"clients": 30}, "algorithm": {"clients_per_round": 20, "capacity": 5}}
    return round_figure(round_costs(chains, ["astraea"], load_network("edge"), congestion="cubic").rounds["astraea"])


def congestion() -> Figure:
    """Return three flows of the learned policy that come one after another, and leave."""
    flows = [{"controller": "policy", "start_s": 10.0 * k, "end_s": 60.0 - 5 * k} for k in range(3)]
    return race_figure(simulate(dumbbell(flows, capacity_mbps=50, rtt_ms=40, duration_s=60, sample_ms=250)))


PICTURES: dict[str, Callable[[], Figure]] = {
    "who-holds-what": who_holds_what,
    "mediators": mediators,
    "comparison": comparison,
    "federation": federation,
    "network-round": network_round,
    "congestion": congestion,
}


def draw(folder: Path) -> None:
    """Write every picture into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, made in PICTURES.items():
        figure = made()
        for suffix in ("svg", "png"):
            write_figure(folder / f"{name}.{suffix}", figure)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images" / "gallery")
