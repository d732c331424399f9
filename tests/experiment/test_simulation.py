from __future__ import annotations

import pytest

from astraea.experiment.settings import EXAMPLE, load_toml
from astraea.experiment.cost import round_costs
from astraea.network.files import load_network


def test_rounds_of_arms_are_timed_without_training() -> None:
    network = load_network("cross-silo")

    costs = round_costs(load_toml(EXAMPLE), ["fedavg", "astraea"], network, congestion="cubic")

    fedavg, astraea = costs["fedavg"], costs["astraea"]
    assert fedavg.seconds == pytest.approx(fedavg.compute + fedavg.transfer + fedavg.waiting)
    assert max(map(len, (fedavg.critical, astraea.critical))) == len(astraea.critical) > 2
    assert astraea.seconds > fedavg.seconds  # a chain of visits takes one after the other
