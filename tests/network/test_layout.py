from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from astraea.errors import InputError
from astraea.federation.plan import SERVER
from astraea.network.demand import oversubscription
from astraea.network.layout import lay_out, mediator_at
from astraea.network.settings import Network

LINK = {"up_mbps": 8, "down_mbps": 16}


@pytest.fixture
def branches() -> Network:
    """Server - core; behind it 'metro', behind that 'cell'; client 0 in the cell, 1 at the metro, 2 at the core."""
    return Network(
        server={"up_mbps": 80, "down_mbps": 40, "delay_ms": 1},
        links=({"name": "metro", **LINK, "delay_ms": 2}, {"name": "cell", "to": "metro", **LINK, "delay_ms": 4}),
        sites=(
            {"clients": [0], "link": "cell", **LINK, "delay_ms": 8},
            {"clients": [1], "link": "metro", **LINK, "delay_ms": 16},
            {"clients": "*", **LINK, "delay_ms": 32},
        ),
    )


def test_a_path_climbs_to_where_the_ends_meet_and_down_again(branches: Network) -> None:
    layout = lay_out(branches, [0, 1, 2])
    sources = np.array([SERVER, 0, 0, 1, SERVER, mediator_at(1)])
    targets = np.array([0, SERVER, 1, 2, mediator_at(1), 0])

    paths, delays = layout.paths(sources, targets)

    names = [*layout.names, *(f"{c} {way}" for c in layout.clients for way in ("up", "down"))]
    assert [[names[j] for j in path if j >= 0] for path in paths] == [
        ["server sends", "metro down", "cell down", "0 down"],
        ["0 up", "cell up", "metro up", "server receives"],
        ["0 up", "cell up", "1 down"],
        ["1 up", "metro up", "2 down"],
        ["server sends", "metro down", "cell down"],
        ["0 down"],
    ]
    np.testing.assert_allclose(delays, np.array([15, 15, 28, 50, 7, 8]) * 1e-3)


def test_several_sites_for_the_rest_take_clients_in_turn() -> None:
    network = Network(server=LINK, sites=({"name": "a", **LINK}, {"name": "b", **LINK}, {"clients": "1-2", **LINK}))

    assert lay_out(network, range(6)).site_of.tolist() == [0, 2, 2, 1, 0, 1]


def test_a_client_without_a_site_is_refused() -> None:
    network = Network(name="small", server=LINK, sites=({"clients": "0-9", **LINK},))

    with pytest.raises(InputError, match="client 10 has no site: network 'small' is for 10 clients; add a site"):
        lay_out(network, range(12))


def test_a_range_may_be_for_more_clients_than_there_are() -> None:
    ends = {"up_mbps": 1, "down_mbps": 1}
    network = Network(server=ends, sites=({**ends, "clients": "2-999999999999"}, {**ends, "clients": [0, 1]}))

    assert lay_out(network, [0, 1, 2, 7]).site_of.tolist() == [1, 1, 0, 0]


def test_a_client_of_two_sites_is_refused() -> None:
    network = Network(server=LINK, sites=({"clients": "0-9", **LINK}, {"clients": [4], **LINK}))

    with pytest.raises(InputError, match="client 4 belongs to two sites"):
        lay_out(network, range(10))


def test_what_is_drawn_for_a_client_does_not_depend_on_who_else_takes_part() -> None:
    network = Network(server=LINK, sites=({**LINK, "rate_spread": 0.5, "step_seconds": 1, "step_spread": 0.5},))

    few, many = lay_out(network, [3]), lay_out(network, range(9))

    assert few.step_seconds[0] == many.step_seconds[3]
    assert few.capacities.peak[2:].tolist() == many.capacities.peak[8:10].tolist()
    assert len(set(many.step_seconds.tolist())) == 9


def test_capacity_over_time_follows_trace_and_background(tmp_path: Path) -> None:
    trace = tmp_path / "t.csv"
    trace.write_text("0,8\n1,24\n")
    network = Network(
        server={"up_mbps": 16, "down_mbps": 16, "up_trace": trace, "background_mbps": 4},
        sites=(LINK,),
        transport={"ack_share": 0.5},
    )

    capacities = lay_out(network, [0], efficiency=0.5).capacities

    np.testing.assert_allclose(capacities.peak[:2], [20e6 / 8 / 4, 12e6 / 8 / 4])
    np.testing.assert_allclose(capacities.carried_by(3.0)[0], (4 + 20 + 4) * 1e6 / 8 / 4)


def test_a_client_is_away_for_its_share_of_the_time() -> None:
    network = Network(server=LINK, sites=({**LINK, "away_share": 0.25, "away_seconds": 1},))

    capacities = lay_out(network, [0]).capacities

    np.testing.assert_allclose(capacities.carried_by(8.0)[2], 6 * 1e6)


def test_absences_beside_a_trace_are_refused(tmp_path: Path) -> None:
    trace = tmp_path / "t.csv"
    trace.write_text("0,8\n1,24\n")
    network = Network(server=LINK, sites=({**LINK, "up_trace": trace, "away_share": 0.5},))

    with pytest.raises(InputError, match="both away_share and a trace"):
        lay_out(network, [0])


def test_oversubscription_is_demand_over_capacity(plain: Callable[..., Network], branches: Network) -> None:
    assert oversubscription(lay_out(plain(8, 2), range(20))) == {"server sends": 5.0, "server receives": 5.0}
    found = oversubscription(lay_out(branches, range(3)))
    assert found == {
        "server sends": 48 / 80,
        "server receives": 24 / 40,
        "metro up": 2.0,
        "metro down": 2.0,
        "cell up": 1.0,
        "cell down": 1.0,
    }


def test_a_half_duplex_link_is_one_link() -> None:
    air: dict[str, Any] = {"name": "air", "up_mbps": 8, "down_mbps": 8, "half_duplex": True}
    layout = lay_out(Network(server=LINK, links=(air,), sites=({**LINK, "link": "air"},)), [0])

    paths, _ = layout.paths(np.array([SERVER, 0]), np.array([0, SERVER]))

    assert paths.tolist() == [[-1, 0, 2, 5], [4, 2, 1, -1]]
    assert "air" in oversubscription(layout)


def test_own_links_may_be_filled_to_another_share_than_shared_ones(branches: Network) -> None:
    whole, partly = lay_out(branches, [0]).capacities, lay_out(branches, [0], 0.9, own=0.96).capacities

    assert (partly.scale / whole.scale).tolist() == pytest.approx([0.9] * 6 + [0.96] * 2)
