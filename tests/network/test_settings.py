from __future__ import annotations

from typing import Any

import pytest

from astraea.errors import InputError
from astraea.network.settings import Network, Transport

ENDS = {"up_mbps": 1, "down_mbps": 1}


def test_the_smallest_network_suffices(smallest: dict[str, Any]) -> None:
    network = Network(**smallest)

    assert network.server.up_mbps == 1000
    assert network.sites[0].delay_ms == 20
    assert network.placement == "server"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"server": {"up_mbps": 0, "down_mbps": 1}}, "server.up_mbps: Input should be greater than 0"),
        (
            {"sites": [{**ENDS, "link": "cel"}], "links": [{"name": "cell", **ENDS}]},
            "site '0' cannot be reached: unknown link 'cel'; did you mean 'cell'?",
        ),
        (
            {"links": [{"name": "a", "to": "b", **ENDS}, {"name": "b", "to": "a", **ENDS}]},
            "links a -> b -> a lead in a circle: let one lead to 'core'",
        ),
        ({"links": [{"name": "a", "to": "b", **ENDS}]}, "link 'a' leads nowhere"),
        ({"links": [{"name": "a", **ENDS}] * 2}, "two links have one name"),
        ({"links": [{"name": "a", "up_mbps": 1, "down_mbps": 2, "half_duplex": True}]}, "link has one capacity"),
        ({"server": {**ENDS, "background_mbps": 1}}, "background_mbps 1.0 leaves nothing"),
        ({"sites": [{**ENDS, "clients": "9-3"}]}, "'9-3' is neither"),
        ({"sites": [{**ENDS, "clients": [True]}]}, "sites.0.clients: [true] names no clients: write '*', a range"),
        ({"sites": [{**ENDS, "clients": 7}]}, "sites.0.clients: 7 names no clients: write '*', a range"),
        ({"sites": [{**ENDS, "clients": [-1]}]}, "clients must be numbers from 0"),
        ({"sites": [{**ENDS, "clients": [2, 0, 2]}]}, "client 2 stands twice in one list"),
        ({"sites": [{"up_kbps": 1, "down_mbps": 1}]}, "sites.0: unknown setting 'up_kbps'; did you mean 'up_mbps'?"),
        (
            {"sites": [{**ENDS, "up_mbps": 10_000_000}]},
            "sites.0.up_mbps: Input should be less than or equal to 1000000",
        ),
        ({"sites": {**ENDS}}, "sites: this is a list of tables: write [[sites]] for each"),
        ({"server": [{**ENDS}]}, "server: this is one table: write [server]"),
        ({"sites": [{**ENDS, "rate_spread": 1e3}]}, "sites.0.rate_spread: Input should be less than or equal to 10"),
        ({"sites": [{**ENDS, "step_second": 1}]}, "did you mean 'step_seconds'?"),
        ({"transport": {"payload_bytes": 1501}}, "payload_bytes 1501 does not fit into packets of 1500"),
    ],
)
def test_a_mistake_is_one_sentence(smallest: dict[str, Any], changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as error:
        Network(**{**smallest, **changes})
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_a_plain_transport_costs_nothing() -> None:
    plain = Transport(connections="fresh", window_bytes=65_535, ack_share=0.01).plain()

    assert (plain.connections, plain.slow_start, plain.window_bytes, plain.ack_share) == ("warm", False, None, 0.0)
    assert plain.payload_bytes == plain.packet_bytes


def test_names_that_tables_could_not_tell_apart_are_refused(smallest: dict[str, Any]) -> None:
    half = {"name": "cell up", "up_mbps": 1, "down_mbps": 1, "half_duplex": True}
    with pytest.raises(InputError, match="two are called 'cell up' in tables"):
        Network(**{**smallest, "links": [{"name": "cell", **ENDS}, half]})
    with pytest.raises(InputError, match="two are called 'home' in tables"):
        Network(**{**smallest, "sites": [{"name": "home", **ENDS}] * 2})
