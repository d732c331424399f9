from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.network.places import places_of
from astraea.network.settings import Network


def campus(placement: str, **change: Any) -> Network:
    ends = {"up_mbps": 100, "down_mbps": 100}
    links = ({"name": "fast", "up_mbps": 80, "down_mbps": 80}, {"name": "slow", "up_mbps": 8, "down_mbps": 40})
    sites = (
        {**ends, "clients": (0, 1), "link": "fast"},
        {**ends, "clients": (2,), "link": "slow"},
        {**ends, "clients": (3,)},
    )
    return Network(server=ends, links=links, sites=sites, placement=placement, **change)


def test_a_hand_over_costs_its_time_on_shared_links() -> None:
    places = places_of(campus("clients"), [2, 0, 1, 3])

    assert places.where.tolist() == [1, 0, 0, 2]
    up, down = np.array([1 / 80, 1 / 8, 0.0]), np.array([1 / 80, 1 / 40, 0.0])  # of fast, slow, core
    cost = up[:, None] + down[None, :]
    cost[0, 0] = cost[1, 1] = 0.0  # within a site nothing is shared
    assert places.between == pytest.approx(cost / cost.max())
    assert places.from_(0) == pytest.approx([0, 1.0, 1.0, (1 / 8) / cost.max()])


def test_at_the_server_it_does_not_matter_who_is_next() -> None:
    assert not places_of(campus("server"), [0, 1, 2, 3]).between.any()


def test_clients_of_one_site_share_nothing() -> None:
    assert not places_of(campus("sites"), [0, 1]).between.any()
